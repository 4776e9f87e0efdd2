package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

func listing() []testCase {
	return []testCase{
		{"TheNewestIsListedFirst", newestFirst},
		{"AStateListsOnlyItsRecords", byState},
		{"SitesDoNotMix", sites},
		{"WhatIsErasedIsNotListed", erasedUnlisted},
	}
}

// noon is when listed records begin; the nth of them is n seconds later.
func noon(n int) time.Time { return time.Date(2026, 3, 4, 12, 0, n, 0, time.UTC) }

// listed puts a record of a state, created n seconds after noon.
func listed(t *testing.T, s store.Store, k store.Key, state string, n int) {
	t.Helper()
	put(t, s, k, &store.Record{State: state, Created: noon(n), Data: []byte(k.ID)})
}

// walk pages through a listing and returns the ids in order.
func walk(t *testing.T, s store.Store, q store.Query) []string {
	t.Helper()
	ids := []string{}
	for pages := 0; ; pages++ {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("listing %+v: %v", q, err)
		}
		if q.Limit > 0 && len(p.Records) > q.Limit || pages > 100 {
			t.Fatalf("page %d holds %d records, asked for at most %d", pages, len(p.Records), q.Limit)
		}
		for _, r := range p.Records {
			if r.Key.Site != q.Site || !r.Exists() || string(r.Data) != r.Key.ID || q.State != "" && r.State != q.State {
				t.Errorf("listed %+v for %+v", r, q)
			}
			ids = append(ids, r.Key.ID)
		}
		if p.Next == (store.Cursor{}) {
			return ids
		}
		q.Before = p.Next
	}
}

// same compares ids in order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// ids are those of the given records of the site.
func ids(ns ...int) []string {
	out := []string{}
	for _, n := range ns {
		out = append(out, key(n).ID)
	}
	return out
}

func newestFirst(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	same(t, "nothing", walk(t, s, store.Query{Site: site}), ids())
	for n, second := range []int{30, 10, 20, 20, 20, 40, 5} {
		listed(t, s, key(n), "pending", second)
	}
	order := ids(5, 0, 4, 3, 2, 1, 6) // those of one moment by their ids
	for limit := range 9 {
		same(t, "listed", walk(t, open(t), store.Query{Site: site, Limit: limit}), order)
	}
	listed(t, s, key(6), "pending", 50) // Created is what the change says, each time
	same(t, "after a new Created", walk(t, s, store.Query{Site: site, Limit: 3}), ids(6, 5, 0, 4, 3, 2, 1))
}

func byState(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 12 {
		listed(t, s, key(n), []string{"pending", "confirmed", "withdrawn"}[n%3], n)
	}
	query := func(state string) store.Query { return store.Query{Site: site, State: state, Limit: 3} }
	same(t, "confirmed", walk(t, s, query("confirmed")), ids(10, 7, 4, 1))
	same(t, "declined", walk(t, s, query("declined")), ids())
	listed(t, s, key(3), "confirmed", 3)
	listed(t, s, key(7), "declined", 7)
	same(t, "pending", walk(t, s, query("pending")), ids(9, 6, 0))
	same(t, "confirmed", walk(t, s, query("confirmed")), ids(10, 4, 3, 1))
	same(t, "declined", walk(t, s, query("declined")), ids(7))
	same(t, "all", walk(t, s, query("")), ids(11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0))
}

func sites(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n, site := range []string{"gazette", "gazette-2", "gaz", "gazette"} {
		listed(t, s, keyAt(site, n), "pending", n)
	}
	listed(t, s, keyAt("gaz", 0), "confirmed", 9) // the same id at another site
	same(t, "gazette", walk(t, s, store.Query{Site: "gazette"}), ids(3, 0))
	same(t, "gaz", walk(t, s, store.Query{Site: "gaz"}), ids(0, 2))
	same(t, "elsewhere", walk(t, s, store.Query{Site: "elsewhere"}), ids())
	erase(t, s, keyAt("gaz", 0))
	if r := get(t, s, key(0)); r.State != "pending" {
		t.Errorf("the record of the other site is %+v", r)
	}
}

func erasedUnlisted(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 5 {
		listed(t, s, key(n), "pending", n)
	}
	erase(t, s, key(2))
	erase(t, s, key(4))
	same(t, "all", walk(t, s, store.Query{Site: site, Limit: 2}), ids(3, 1, 0))
	same(t, "pending", walk(t, s, store.Query{Site: site, State: "pending", Limit: 2}), ids(3, 1, 0))
}
