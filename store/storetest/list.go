package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

func listCases() []testCase {
	return []testCase{
		{"ListReturnsTheNewestFirst", listNewest},
		{"ListOfAStateReturnsOnlyItsRecords", listByState},
		{"ListKeepsSitesApart", listApart},
		{"ListReturnsNoErasedRecord", listErased},
		{"PagingIsStableUnderInserts", pageStable},
		{"TheLastPageHasNoNext", pageLast},
		{"APageHoldsAHundredByDefault", pageDefault},
		{"PagingGoesOnAfterTheCursorsRecordWasErased", pageErased},
	}
}

// noon returns a time n seconds after noon of a day.
func noon(n int) time.Time { return time.Date(2026, 3, 4, 12, 0, n, 0, time.UTC) }

// listed puts a record of a state, created n seconds after noon.
func listed(t *testing.T, s store.Store, k store.Key, state string, n int) {
	t.Helper()
	put(t, s, k, &store.Record{State: state, Created: noon(n), Data: []byte(k.ID)})
}

// walk pages through a listing and returns the IDs in order.
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
			if r.Key.Site != q.Site || !r.Exists() || string(r.Data) != r.Key.ID ||
				q.State != "" && r.State != q.State {
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

// same fails unless the IDs are these, in order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// ids returns the IDs of these records of the site.
func ids(ns ...int) []string {
	out := []string{}
	for _, n := range ns {
		out = append(out, key(n).ID)
	}
	return out
}

func listNewest(t *testing.T, open func(*testing.T) store.Store) {
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

func listByState(t *testing.T, open func(*testing.T) store.Store) {
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

func listApart(t *testing.T, open func(*testing.T) store.Store) {
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

func listErased(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 5 {
		listed(t, s, key(n), "pending", n)
	}
	erase(t, s, key(2))
	erase(t, s, key(4))
	same(t, "all", walk(t, s, store.Query{Site: site, Limit: 2}), ids(3, 1, 0))
	same(t, "pending", walk(t, s, store.Query{Site: site, State: "pending", Limit: 2}), ids(3, 1, 0))
}

func pageStable(t *testing.T, open func(*testing.T) store.Store) {
	s, writer := open(t), open(t)
	for n := range 10 {
		listed(t, s, key(n), "pending", 10*n)
	}
	for _, state := range []string{"", "pending"} {
		q := store.Query{Site: site, State: state, Limit: 4}
		first, err := s.List(t.Context(), q)
		if err != nil || len(first.Records) != 4 || first.Records[3].Key != key(6) {
			t.Fatalf("the first page is %+v, %v", first, err)
		}
		listed(t, writer, key(20), "pending", 500) // newer than all: belongs before the first page
		listed(t, writer, key(21), "pending", 75)  // among those already seen
		listed(t, writer, key(22), "pending", 45)  // among those to come
		q.Before = first.Next
		same(t, "the rest", walk(t, s, q), ids(5, 22, 4, 3, 2, 1, 0))
		for n := range 3 {
			erase(t, writer, key(20+n))
		}
	}
}

func pageLast(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 6 {
		listed(t, s, key(n), "pending", n)
	}
	for _, state := range []string{"", "pending"} {
		q := store.Query{Site: site, State: state, Limit: 3}
		p, err := s.List(t.Context(), q)
		if err != nil || len(p.Records) != 3 || p.Next == (store.Cursor{}) {
			t.Fatalf("the first page is %+v, %v", p, err)
		}
		q.Before = p.Next
		p, err = s.List(t.Context(), q)
		if err != nil || len(p.Records) != 3 || p.Next != (store.Cursor{}) {
			t.Errorf("the last page is %+v, %v, want three records and no next", p, err)
		}
	}
}

func pageDefault(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 105 {
		listed(t, s, key(n), "pending", n)
	}
	p, err := s.List(t.Context(), store.Query{Site: site})
	if err != nil || len(p.Records) != 100 || p.Next == (store.Cursor{}) {
		t.Fatalf("listed %d records, next %+v, %v", len(p.Records), p.Next, err)
	}
	p, err = s.List(t.Context(), store.Query{Site: site, Limit: 1000})
	if err != nil || len(p.Records) != 105 || p.Next != (store.Cursor{}) {
		t.Errorf("listed %d records, next %+v, %v", len(p.Records), p.Next, err)
	}
}

func pageErased(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for n := range 5 {
		listed(t, s, key(n), "pending", 7) // all of one moment: the id decides
	}
	p, err := s.List(t.Context(), store.Query{Site: site, Limit: 2})
	if err != nil || len(p.Records) != 2 || p.Records[1].Key != key(3) {
		t.Fatalf("the first page is %+v, %v", p, err)
	}
	erase(t, s, key(3))
	same(t, "the rest", walk(t, s, store.Query{Site: site, Limit: 2, Before: p.Next}), ids(2, 1, 0))
}
