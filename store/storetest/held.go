package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func holding() []testCase {
	return []testCase{
		{"WhatIsHeldIsTold", told},
		{"AskingWhatIsHeldHoldsNothing", toldOnly},
		{"WhatIsHeldNoMoreIsNotTold", toldNoMore},
	}
}

// tells fails unless exactly this is kept under a name; nil: nothing.
func tells(t *testing.T, s store.Store, name string, value []byte) {
	t.Helper()
	held, err := s.Get(t.Context(), name)
	if err != nil || string(held) != string(value) || (held == nil) != (value == nil) {
		t.Errorf("under %s are %d bytes %.20q (none: %v), %v; want %d bytes %.20q", name, len(held), held, held == nil, err, len(value), value)
	}
}

func told(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	was := []byte("first")
	tells(t, s, "name", nil)
	reserve(t, s, "name", was, time.Hour)
	for _, value := range [][]byte{noise(store.MaxBody), {}, {0, 0xff, '\r', '\n'}, []byte("last")} {
		tells(t, s, "name", was)
		tells(t, other, "name", was)
		if err := s.CompareAndSwap(t.Context(), "name", was, value, time.Hour); err != nil {
			t.Fatal(err)
		}
		was = value
	}
	tells(t, other, "name", was)
	tells(t, other, "nam", nil)
	tells(t, other, "name:", nil)
	longest := strings.Repeat("x", 128)
	reserve(t, s, longest, was, time.Hour)
	tells(t, other, longest, was)
	for _, name := range []string{"", longest + "x"} {
		_, err := s.Get(t.Context(), name)
		want(t, "asking what is held under "+name, err, store.ErrInvalid)
	}
}

func toldOnly(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	for range 3 {
		tells(t, s, "name", nil)
	}
	if held := reserve(t, other, "name", []byte("value"), time.Hour); held != nil {
		t.Errorf("after it was only asked for, %q is reserved", held)
	}
	tells(t, s, "name", []byte("value"))
	holds(t, other, "name", []byte("value"))
}

func toldNoMore(t *testing.T, open func(*testing.T) store.Store) {
	const d = 200 * time.Millisecond
	s, other := open(t), open(t)
	before := time.Now()
	reserve(t, s, "name", []byte("value"), d)
	eventually(t, "it is held no more", func() bool { // asking does not make it last
		held, err := other.Get(t.Context(), "name")
		if err != nil || held != nil && string(held) != "value" {
			t.Fatalf("held is %q, %v", held, err)
		}
		return held == nil
	})
	if took := time.Since(before); took < d-20*time.Millisecond || took > 30*time.Second {
		t.Errorf("it was over after %v, want %v", took, d)
	}
	tells(t, s, "name", nil)
}
