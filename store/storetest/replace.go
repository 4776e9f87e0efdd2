package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func replacing() []testCase {
	return []testCase{
		{"OnlyExactlyTheOldValueIsReplaced", replaced},
		{"ExactlyOneOfManyReplaces", replacedOnce},
		{"AReplacementLastsFromThenOn", replacementLasts},
	}
}

func replaced(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	largest, empty := noise(store.MaxBody), []byte{}
	replace := func(old, value []byte) error { return other.CompareAndSwap(t.Context(), "name", old, value, time.Hour) }
	want(t, "replacing where nothing is", replace([]byte("a"), []byte("b")), store.ErrChanged)
	want(t, "replacing nothing", replace(nil, []byte("b")), store.ErrChanged)
	was := []byte("a")
	if held := reserve(t, s, "name", was, time.Hour); held != nil {
		t.Fatalf("a refused replacement left %q", held)
	}
	for _, value := range [][]byte{[]byte("b"), largest, empty, {0, 0xff, '\r', '\n'}, []byte("a ")} {
		for _, wrong := range [][]byte{append(bytes.Clone(was), ' '), append([]byte{'a'}, was...)} {
			want(t, "replacing another", replace(wrong, value), store.ErrChanged)
		}
		holds(t, s, "name", was)
		if err := replace(was, value); err != nil {
			t.Fatalf("replacing %d bytes by %d: %v", len(was), len(value), err)
		}
		holds(t, s, "name", value)
		want(t, "replacing again", replace(was, []byte("c")), store.ErrChanged)
		was = value
	}
	if held := reserve(t, s, "large", largest, time.Hour); held != nil {
		t.Errorf("the largest value found %d bytes", len(held))
	}
	holds(t, other, "large", largest)
}

func replacedOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients, won := []store.Store{open(t), open(t)}, make(chan string, 40)
	reserve(t, clients[0], "name", []byte("old"), time.Hour)
	atOnce(t, cap(won), func(i int) error {
		value := fmt.Sprintf("value %d", i)
		err := clients[i%2].CompareAndSwap(t.Context(), "name", []byte("old"), []byte(value), time.Hour)
		if err == nil {
			won <- value
		}
		if errors.Is(err, store.ErrChanged) {
			return nil
		}
		return err
	})
	if len(won) != 1 {
		t.Fatalf("%d replaced it, want 1", len(won))
	}
	holds(t, clients[0], "name", []byte(<-won))
}

func replacementLasts(t *testing.T, open func(*testing.T) store.Store) {
	s, soon := open(t), 150*time.Millisecond
	reserve(t, s, "longer", []byte("a"), 2*time.Second)
	if err := s.CompareAndSwap(t.Context(), "longer", []byte("a"), []byte("b"), time.Hour); err != nil {
		t.Fatal(err)
	}
	reserve(t, s, "shorter", []byte("a"), time.Hour)
	if err := s.CompareAndSwap(t.Context(), "shorter", []byte("a"), []byte("b"), soon); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	eventually(t, "the shorter one is over", func() bool { return reserve(t, s, "shorter", []byte("c"), time.Hour) == nil })
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("a reservation for %v lasted %v", soon, took)
	}
	until(t, begun.Add(2*time.Second+50*time.Millisecond))
	holds(t, s, "longer", []byte("b"))
}
