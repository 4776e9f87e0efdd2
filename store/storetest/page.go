package storetest

import (
	"testing"

	"github.com/optin/optin/store"
)

func paging() []testCase {
	return []testCase{
		{"PagingIsStableUnderInserts", stable},
		{"TheLastPageSaysThatItIsTheLast", lastPage},
		{"APageHoldsAHundredUnlessAsked", hundred},
		{"PagingGoesOnWhereTheCursorsRecordWasErased", cursorErased},
	}
}

func stable(t *testing.T, open func(*testing.T) store.Store) {
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

func lastPage(t *testing.T, open func(*testing.T) store.Store) {
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

func hundred(t *testing.T, open func(*testing.T) store.Store) {
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

func cursorErased(t *testing.T, open func(*testing.T) store.Store) {
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
