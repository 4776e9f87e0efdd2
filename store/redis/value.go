package redis

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

const (
	versionSize = 16
	countAt     = 22  // the offset of the number of earlier versions
	maxState    = 255 // its length is one byte
)

// stored is a record as it is in Redis. A commit must name its version even if the record has expired by the caller's
// clock, and so reads as none.
type stored struct {
	record  store.Record
	version string
	state   string // of the index that holds it, expired or not
}

// pack returns the part of a value that the store's process writes; the script puts the versions before it.
func pack(r store.Record) string {
	b := make([]byte, 0, 1+len(r.State)+16+len(r.Data))
	b = append(b, byte(len(r.State)))
	b = append(b, r.State...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Created.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Expires.UnixMilli()))
	return string(append(b, r.Data...))
}

// unpack reads a value; nil is no record.
func unpack(key store.Key, value any, now time.Time) (stored, error) {
	none := stored{record: store.Record{Key: key}}
	if value == nil {
		return none, nil
	}
	v, ok := value.(string)
	if !ok || len(v) <= countAt {
		return none, damaged(key)
	}
	rest := v[countAt:]
	if skip := 1 + versionSize*int(rest[0]); len(rest) > skip {
		rest = rest[skip:]
	} else {
		return none, damaged(key)
	}
	n := 1 + int(rest[0])
	if len(rest) < n+16 {
		return none, damaged(key)
	}
	r := store.Record{
		Key: key, Version: printable(v[:versionSize]), State: rest[1:n],
		Created: moment(rest[n:]), Expires: moment(rest[n+8:]),
	}
	if data := rest[n+16:]; data != "" {
		r.Data = []byte(data)
	}
	got := stored{record: r, version: v[:versionSize], state: r.State}
	if !r.Expires.IsZero() && !now.Before(r.Expires) {
		got.record = none.record
	}
	return got, nil
}

// moment reads 8 bytes of milliseconds. The zero time has such a number too and comes back as itself.
func moment(b string) time.Time {
	return fromMilli(int64(binary.BigEndian.Uint64([]byte(b[:8]))))
}

// printable returns a version as callers see it: they may log it or compare it as text.
func printable(version string) store.Version {
	return store.Version(base64.RawURLEncoding.EncodeToString([]byte(version)))
}

func damaged(key store.Key) error {
	return fmt.Errorf(
		"store/redis: the record %s/%s cannot be read: it was not written by this program, or by a newer one",
		key.Site, key.ID,
	)
}

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
