package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func parking() []testCase {
	return []testCase{
		{"TheDeadAreListedAsTheyDied", parkedInOrder},
		{"PagesOfTheDeadAreWholeAndInOrder", parkedByPage},
		{"KindsOfTheDeadDoNotMix", parkedApart},
	}
}

// die owes an entry of a record and parks it.
func die(t *testing.T, s store.Store, k store.Key, e store.Job) store.Job {
	t.Helper()
	put(t, s, k, pending(), e)
	got := leaseOne(t, s, e.Queue, time.Minute)
	if err := s.End(t.Context(), got, store.Fail()); err != nil {
		t.Fatalf("parking %s: %v", got.ID, err)
	}
	return got
}

// dieAll parks n entries, each of a record of its own, and returns their IDs in the order in which they died.
func dieAll(t *testing.T, s store.Store, kind store.QueueName, n int) (ids []string) {
	t.Helper()
	for i := range n {
		at := i * 7 % n // so that neither IDs nor records are in the order of death
		ids = append(ids, fmt.Sprintf("dead-%03d", at))
		die(t, s, key(at), entry(ids[i], kind))
	}
	return ids
}

func parked(t *testing.T, s store.Store, kind store.QueueName, after string, n int) []store.Job {
	t.Helper()
	es, err := s.Failed(t.Context(), kind, after, n)
	if err != nil {
		t.Fatalf("listing the dead of %s: %v", kind, err)
	}
	if len(es) > n {
		t.Fatalf("listed %d, asked for at most %d", len(es), n)
	}
	return es
}

func names(es []store.Job) (ids []string) {
	for _, e := range es {
		ids = append(ids, e.ID)
	}
	return ids
}

func parkedInOrder(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	if es := parked(t, s, "letter", "", 10); len(es) != 0 {
		t.Errorf("before anything died there are %+v", es)
	}
	large := entry("large", "letter")
	large.Body = noise(store.MaxBody)
	bare := store.Job{ID: "bare", Queue: "letter"}
	tired := entry("tired", "letter")
	put(t, s, key(1), pending(), tired)
	e := leaseOne(t, s, "letter", time.Minute)
	if err := s.End(t.Context(), e, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	e = leaseOne(t, s, "letter", time.Minute)
	die(t, s, keyAt("other", 2), large)
	die(t, s, key(3), bare)
	if err := s.End(t.Context(), e, store.Fail()); err != nil {
		t.Fatal(err)
	}
	es := parked(t, open(t), "letter", "", 10)
	if ids := names(es); !slices.Equal(ids, []string{"large", "bare", "tired"}) {
		t.Fatalf("they died in the order %v", ids)
	}
	for i, was := range []store.Job{large, bare, tired} {
		k, tries := []store.Key{keyAt("other", 2), key(3), key(1)}[i], []int{1, 1, 2}[i]
		if es[i].Queue != "letter" || es[i].Key != k || string(es[i].Body) != string(was.Body) || es[i].Attempts != tries {
			t.Errorf("%s is %s of %v with %d bytes, tried %d times", was.ID, es[i].Queue, es[i].Key, len(es[i].Body), es[i].Attempts)
		}
	}
}

func parkedByPage(t *testing.T, open func(*testing.T) store.Store) {
	s, n := open(t), 60
	ids := dieAll(t, s, "letter", n)
	for _, size := range []int{1, 7, n - 1, n, n + 1, 1000} {
		var all []string
		for after := ""; ; {
			es := parked(t, s, "letter", after, size)
			if len(es) == 0 {
				break
			}
			if all = append(all, names(es)...); len(all) > n {
				break
			}
			if len(es) < size && len(all) < n {
				t.Errorf("a page of %d holds %d, and there are more", size, len(es))
			}
			after = all[len(all)-1]
		}
		if !slices.Equal(all, ids) {
			t.Errorf("by %d: %v\nwant %v", size, all, ids)
		}
	}
	if err := s.Requeue(t.Context(), "letter", ids[4], key(4*7%n)); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{ids[4], "unheard-of"} { // the listing begins anew
		if got := names(parked(t, s, "letter", gone, 2)); !slices.Equal(got, ids[:2]) {
			t.Errorf("after %s come %v, want %v", gone, got, ids[:2])
		}
	}
	if got := names(parked(t, s, "letter", ids[3], 2)); !slices.Equal(got, ids[5:7]) {
		t.Errorf("after %s come %v, want %v", ids[3], got, ids[5:7])
	}
}

func parkedApart(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	die(t, s, key(1), entry("a", "webhook"))
	die(t, s, key(1), entry("b", "webhook/gazette-1"))
	put(t, s, key(1), pending(), entry("c", "webhook"), entry("d", "webhook"))
	leaseOne(t, s, "webhook", time.Minute) // neither what is owed nor what is leased is dead
	for kind, id := range map[store.QueueName]string{"webhook": "a", "webhook/gazette-1": "b"} {
		if ids := names(parked(t, s, kind, "", 10)); !slices.Equal(ids, []string{id}) {
			t.Errorf("of %s there are %v, want %s", kind, ids, id)
		}
	}
	if ids := names(parked(t, s, "web", "", 10)); len(ids) != 0 {
		t.Errorf("of web there are %v", ids)
	}
	want(t, "listing none", func() error { _, err := s.Failed(t.Context(), "webhook", "", 0); return err }(), store.ErrInvalid)
}
