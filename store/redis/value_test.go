package redis

import (
	"cmp"
	"encoding/base64"
	"math/rand/v2"
	"testing"
	"time"
)

func TestAPackedIDSortsLikeTheID(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var last, lastPacked string
	for range 2000 {
		var b [17]byte
		for i := range b {
			b[i] = byte(dice.Uint32())
		}
		id := base64.RawURLEncoding.EncodeToString(b[:])[:22]
		packed, ok := packID(id)
		if !ok || len(packed) != idSize || unpackID(packed) != id {
			t.Fatalf("%s became %x, and that %s", id, packed, unpackID(packed))
		}
		if last != "" && cmp.Compare(last, id) != cmp.Compare(lastPacked, packed) {
			t.Errorf("%s and %s sort otherwise when packed", last, id)
		}
		last, lastPacked = id, packed
	}
	for _, id := range []string{
		"", "short", "0123456789012345678901x", "012345678901234567890!", "01234567890123456789 1",
	} {
		if packed, ok := packID(id); ok {
			t.Errorf("%q became %x", id, packed)
		}
	}
}

func TestAPackedTimeSortsLikeTheTime(t *testing.T) {
	last := ""
	for _, at := range []time.Time{
		{}, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC),
		time.UnixMilli(0).UTC(), time.UnixMilli(1).UTC(), time.Date(2026, 11, 30, 6, 4, 3, 5e6, time.UTC),
		time.Date(3999, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		packed := string(appendMoment(nil, at))
		if len(packed) != 6 || packed <= last && last != "" || !moment(packed).Equal(at) {
			t.Errorf("%v became %x, after %x, and that %v", at, packed, last, moment(packed))
		}
		last = packed
	}
}
