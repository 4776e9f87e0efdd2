package storetest

import (
	"bytes"
	"testing"

	"github.com/optin/optin/store"
)

func marksCases() []testCase {
	return []testCase{
		{"TheMarkIsSetOnceAndChangedOnlyKnowingly", markIsKept},
		{"AStoreIsEmptyUntilItHasARecord", emptyUntilARecord},
	}
}

func markIsKept(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	expect := func(s store.Store, mark string) {
		t.Helper()
		if got, whole, err := s.Mark(t.Context()); err != nil || string(got) != mark || !whole {
			t.Errorf("the mark is %q, whole: %t, %v, want %q", got, whole, err, mark)
		}
	}
	expect(s, "")
	for _, mark := range [][]byte{nil, {}, noise(store.MaxMark + 1)} {
		want(t, "a mark that cannot be", s.SetMark(t.Context(), nil, mark), store.ErrInvalid)
	}
	first, second := []byte("the first\x00"), bytes.Repeat([]byte("second"), 1000)
	want(t, "the first mark", s.SetMark(t.Context(), nil, first), nil)
	want(t, "once more", other.SetMark(t.Context(), nil, first), nil)
	want(t, "another one as if there were none", other.SetMark(t.Context(), nil, second), store.ErrChanged)
	expect(other, string(first))
	want(t, "in the place of one that is not there", s.SetMark(t.Context(), []byte("x"), second), store.ErrChanged)
	want(t, "in the place of the first", other.SetMark(t.Context(), first, second), nil)
	expect(s, string(second))
	want(t, "to repeat it", s.SetMark(t.Context(), second, second), nil)
	expect(other, string(second))
}

func emptyUntilARecord(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	expect := func(empty bool) {
		t.Helper()
		if got, err := s.Empty(t.Context()); err != nil || got != empty {
			t.Errorf("empty: %t, %v, want %t", got, err, empty)
		}
	}
	want(t, "a mark", s.SetMark(t.Context(), nil, []byte("mark")), nil)
	text := []byte("a text")
	want(t, "a text", s.PutText(t.Context(), sum(text), text), nil)
	expect(true)
	put(t, s, key(7), pending())
	expect(false)
}
