package redis

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

const (
	versionSize = 8
	countAt     = 12  // the offset of the number of earlier versions
	timesSize   = 18  // created, expires, timer
	maxState    = 255 // its length is one byte
	idSize      = 17  // a record's ID, packed
	entrySize   = 6 + idSize
)

// stored is a record as it is in Redis. A commit must name its version even if the record has expired by the caller's
// clock, and so reads as none.
type stored struct {
	record  store.Record
	version string
	state   string // of the index that holds it, expired or not
	damaged bool   // it cannot be read, and so not be replaced
}

// pack returns the part of a value that the store's process writes; the script puts the versions before it.
func pack(r store.Record) string {
	b := make([]byte, 0, timesSize+1+len(r.State)+len(r.Data))
	b = appendMoment(b, r.Created)
	b = appendMoment(b, r.Expires)
	b = appendMoment(b, r.Timer)
	b = append(b, byte(len(r.State)))
	b = append(b, r.State...)
	return string(append(b, r.Data...))
}

// unpack reads a value; nil is no record. A value that is damaged is a record too, whose Data does not open: so it
// stops nobody but those who ask for it.
func unpack(key store.Key, value any, now time.Time) stored {
	none := stored{record: store.Record{Key: key}}
	if value == nil {
		return none
	}
	v := text(value)
	broken := stored{record: store.Record{Key: key, Version: "damaged", Data: []byte(v)}, damaged: true}
	if len(v) <= countAt {
		return broken
	}
	rest := v[countAt:]
	if skip := 1 + versionSize*int(rest[0]); len(rest) > skip+timesSize {
		rest = rest[skip:]
	} else {
		return broken
	}
	n := timesSize + 1 + int(rest[timesSize])
	if len(rest) < n {
		return broken
	}
	r := store.Record{
		Key: key, Version: printable(v[:versionSize]), State: rest[timesSize+1 : n],
		Created: moment(rest), Expires: moment(rest[6:]), Timer: moment(rest[12:]),
	}
	if data := rest[n:]; data != "" {
		r.Data = []byte(data)
	}
	got := stored{record: r, version: v[:versionSize], state: r.State}
	if !r.Expires.IsZero() && !now.Before(r.Expires) {
		got.record = none.record
	}
	return got
}

// storedAs returns a record as it was read; as none if it was not read from here.
func storedAs(r store.Record) stored {
	version, err := base64.RawURLEncoding.DecodeString(string(r.Version))
	if err != nil || len(version) != versionSize {
		return stored{record: store.Record{Key: r.Key}}
	}
	return stored{record: r, version: string(version), state: r.State}
}

// momentOffset is added to the milliseconds of a time, so that times before 1970 are positive too.
const momentOffset = 1 << 46

// appendMoment writes a time as 6 bytes that sort like times; the zero time is 0. Years beyond 4000 become 4199.
func appendMoment(b []byte, t time.Time) []byte {
	var n uint64
	if !t.IsZero() {
		n = uint64(min(max(t.UnixMilli()+momentOffset, 1), momentOffset<<1-1)) // #nosec G115 -- it is positive
	}
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], n)
	return append(b, all[2:]...)
}

func moment(b string) time.Time {
	n := int64(0)
	for _, c := range []byte(b[:6]) {
		n = n<<8 | int64(c)
	}
	if n == 0 {
		return time.Time{}
	}
	return fromMilli(n - momentOffset)
}

// ids are the digits of a record's ID, in the order of their bytes, so packed IDs sort like IDs.
var ids = base64.NewEncoding("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz").
	WithPadding(base64.NoPadding)

// packID writes a record's ID, 22 characters of base64url, as 17 bytes. It returns false for any other ID.
func packID(id string) (string, bool) { return packIDBehind("", id) }

// packIDBehind returns a text and the ID behind it.
func packIDBehind(text, id string) (string, bool) {
	if len(id) != 22 {
		return "", false
	}
	packed, err := ids.AppendDecode(append(make([]byte, 0, 96), text...), []byte(id+"--"))
	if err != nil {
		return "", false
	}
	return string(packed[:len(text)+idSize]), true
}

func unpackID(b string) string {
	return ids.EncodeToString([]byte(b + "\x00"))[:22]
}

// printable returns a version as callers see it: they may log it or compare it as text.
func printable(version string) store.Version {
	return store.Version(base64.RawURLEncoding.EncodeToString([]byte(version)))
}

func damaged(key store.Key) error {
	return fmt.Errorf(
		"store/redis: the record %s/%s is damaged, or was written by a newer program, and is not replaced",
		key.Site, key.ID,
	)
}

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
