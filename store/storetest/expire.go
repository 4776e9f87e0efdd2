package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func expiring() []testCase {
	return []testCase{
		{"ARecordPastItsExpiryIsAsIfItHadNeverBeen", bornExpired},
		{"ARecordGoesWhenItsTimeComes", expires},
		{"ALaterExpiryReplacesTheEarlier", extended},
	}
}

func bornExpired(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending())
	r := pending()
	r.Expires = time.Now().Add(-time.Second)
	put(t, s, key(1), r, entry("a", "letter"))
	gone(t, s)
	gone(t, open(t))
	if e := leaseOne(t, s, "letter", time.Minute); e.Key != key(1) {
		t.Errorf("leased %+v", e) // what was owed is owed, whatever becomes of the record
	}
	put(t, s, key(1), &store.Record{State: "confirmed"})
	if r := get(t, s, key(1)); r.State != "confirmed" || !r.Expires.IsZero() {
		t.Errorf("the new record is %+v", r)
	}
}

func expires(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	r := pending()
	r.Expires = time.Now().Add(250 * time.Millisecond)
	put(t, s, key(1), r)
	if _, err := s.Find(t.Context(), key(1)); err != nil && time.Now().Before(r.Expires) {
		t.Errorf("before its time, the record gives %v", err)
	}
	eventually(t, "the record is gone", func() bool {
		_, err := s.Find(t.Context(), key(1))
		if err == nil {
			return false
		}
		want(t, "the expired record", err, store.ErrNotFound)
		return true
	})
	if now := time.Now(); now.Before(r.Expires.Truncate(time.Millisecond)) {
		t.Errorf("gone at %v, %v too early", now, r.Expires.Sub(now))
	}
	gone(t, s)
	gone(t, open(t))
}

func extended(t *testing.T, open func(*testing.T) store.Store) {
	s, soon := open(t), time.Now().Add(100*time.Millisecond)
	for i, later := range []time.Time{time.Now().Add(time.Hour), {}} {
		r := pending()
		r.Expires = soon
		put(t, s, key(i), r)
		r = pending()
		r.Expires = later
		put(t, s, key(i), r)
	}
	until(t, soon.Add(50*time.Millisecond))
	get(t, s, key(0))
	get(t, s, key(1))
}

// gone fails unless nobody sees the record key(1).
func gone(t *testing.T, s store.Store) {
	t.Helper()
	absent(t, s, key(1))
	for _, state := range []string{"", "pending"} {
		p, err := s.List(t.Context(), store.Query{Site: site, State: state})
		if err != nil || len(p.Records) != 0 || p.Next != (store.Cursor{}) {
			t.Errorf("listing %q gives %+v and %v", state, p, err)
		}
	}
	stop := errors.New("only looking")
	var seen store.Record
	err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		seen = r
		return store.Change{}, stop
	})
	want(t, "looking", err, stop)
	if seen.Exists() || seen.State != "" || seen.Data != nil || seen.Key != key(1) {
		t.Errorf("an act sees %+v", seen)
	}
}
