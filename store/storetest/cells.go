package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func cellsCases() []testCase {
	return []testCase{
		{"SetNXIsWonByExactlyOneOfMany", setNXOnce},
		{"ACellExpires", cellExpires},
		{"CellsAreKeptApart", cellsApart},
		{"CellsRefuseNamesValuesAndTimesThatCannotBe", cellsInvalid},
		{"CompareAndSwapNeedsExactlyTheOldValue", swapExactly},
		{"CompareAndSwapIsWonByExactlyOneOfMany", swapOnce},
		{"CompareAndSwapStartsTheTimeAnew", swapLasts},
		{"GetReturnsWhatACellHolds", getReturns},
		{"GetPutsNothingIntoACell", getOnly},
		{"GetReturnsNothingOfAnExpiredCell", getExpired},
	}
}

func setNX(t *testing.T, s store.Store, name string, value []byte, d time.Duration) []byte {
	t.Helper()
	current, err := s.SetNX(t.Context(), name, value, d)
	if err != nil {
		t.Fatalf("SetNX of %s: %v", name, err)
	}
	return current
}

// holds fails unless a cell holds a value, as SetNX returns it.
func holds(t *testing.T, s store.Store, name string, value []byte) {
	t.Helper()
	current := setNX(t, s, name, []byte("another's"), time.Hour)
	if current == nil || !bytes.Equal(current, value) {
		t.Errorf(
			"the cell %s holds %d bytes %.20q (none: %v), want %d bytes %.20q", name, len(current), current,
			current == nil, len(value), value,
		)
	}
}

func setNXOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	var mu sync.Mutex
	var won []int
	got := map[string]int{}
	atOnce(t, n, func(i int) error {
		current, err := clients[i%2].SetNX(t.Context(), "name", fmt.Appendf(nil, "value %d", i), time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if current == nil && err == nil {
			won = append(won, i)
		} else {
			got[string(current)]++
		}
		return err
	})
	if len(won) != 1 {
		t.Fatalf("%v won, want one", won)
	}
	value := fmt.Sprintf("value %d", won[0])
	if got[value] != n-1 {
		t.Errorf("the others got %v, want %q", got, value)
	}
	holds(t, clients[0], "name", []byte(value))
	if current := setNX(t, clients[1], "name", []byte(value), time.Hour); current != nil {
		t.Errorf("SetNX of the value that it holds returned %q", current)
	}
}

func cellExpires(t *testing.T, open func(*testing.T) store.Store) {
	s, other, d := open(t), open(t), 200*time.Millisecond
	before := time.Now()
	setNX(t, s, "name", []byte("first"), d)
	eventually(t, "the cell has expired", func() bool {
		current := setNX(t, other, "name", []byte("second"), time.Hour)
		if current != nil && string(current) != "first" {
			t.Fatalf("the cell holds %q", current)
		}
		return current == nil
	})
	if took := time.Since(before); took < d-20*time.Millisecond {
		t.Errorf("it expired after %v, want %v", took, d)
	}
	holds(t, s, "name", []byte("second"))
	want(
		t, "CompareAndSwap of an expired value",
		s.CompareAndSwap(t.Context(), "name", []byte("first"), []byte("third"), time.Hour), store.ErrChanged,
	)
	setNX(t, s, "brief", []byte("first"), d)
	until(t, time.Now().Add(d+20*time.Millisecond))
	want(
		t, "CompareAndSwap too late",
		s.CompareAndSwap(t.Context(), "brief", []byte("first"), []byte("third"), time.Hour), store.ErrChanged,
	)
}

func cellsApart(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	all := []string{"a", "b", "a:b", "idem/kj3_-h", strings.Repeat("x", 128)}
	for _, name := range all {
		if current := setNX(t, s, name, []byte("of "+name), time.Hour); current != nil {
			t.Errorf("%s holds %q", name, current)
		}
	}
	for _, name := range all {
		holds(t, open(t), name, []byte("of "+name))
	}
	if wait := acquire(t, s, "a", store.Limit{N: 1, Per: time.Hour}); wait != 0 {
		t.Errorf("a bucket of the same name waits %v", wait)
	}
}

func cellsInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	setNX(t, s, "name", []byte("old"), time.Hour)
	for what, c := range map[string]struct {
		name  string
		value []byte
		d     time.Duration
	}{
		"no name":           {"", []byte("new"), time.Hour},
		"a name too long":   {strings.Repeat("x", 129), []byte("new"), time.Hour},
		"a value too large": {"name", make([]byte, store.MaxBody+1), time.Hour},
		"no time":           {"name", []byte("new"), 0},
		"time before now":   {"name", []byte("new"), -time.Hour},
	} {
		_, err := s.SetNX(t.Context(), c.name, c.value, c.d)
		want(t, "SetNX with "+what, err, store.ErrInvalid)
		want(
			t, "CompareAndSwap with "+what, s.CompareAndSwap(t.Context(), c.name, []byte("old"), c.value, c.d),
			store.ErrInvalid,
		)
	}
	holds(t, s, "name", []byte("old"))
}

func swapExactly(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	largest, empty := noise(store.MaxBody), []byte{}
	replace := func(old, value []byte) error { return other.CompareAndSwap(t.Context(), "name", old, value, time.Hour) }
	want(t, "CompareAndSwap of an empty cell", replace([]byte("a"), []byte("b")), store.ErrChanged)
	want(t, "CompareAndSwap of nil", replace(nil, []byte("b")), store.ErrChanged)
	was := []byte("a")
	if current := setNX(t, s, "name", was, time.Hour); current != nil {
		t.Fatalf("a refused CompareAndSwap left %q", current)
	}
	for _, value := range [][]byte{[]byte("b"), largest, empty, {0, 0xff, '\r', '\n'}, []byte("a ")} {
		for _, wrong := range [][]byte{append(bytes.Clone(was), ' '), append([]byte{'a'}, was...)} {
			want(t, "CompareAndSwap of another value", replace(wrong, value), store.ErrChanged)
		}
		holds(t, s, "name", was)
		if err := replace(was, value); err != nil {
			t.Fatalf("CompareAndSwap of %d bytes by %d: %v", len(was), len(value), err)
		}
		holds(t, s, "name", value)
		want(t, "CompareAndSwap again", replace(was, []byte("c")), store.ErrChanged)
		was = value
	}
	if current := setNX(t, s, "large", largest, time.Hour); current != nil {
		t.Errorf("the cell of the largest value held %d bytes", len(current))
	}
	holds(t, other, "large", largest)
}

func swapOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients, won := []store.Store{open(t), open(t)}, make(chan string, 40)
	setNX(t, clients[0], "name", []byte("old"), time.Hour)
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
		t.Fatalf("%d swapped it, want 1", len(won))
	}
	holds(t, clients[0], "name", []byte(<-won))
}

func swapLasts(t *testing.T, open func(*testing.T) store.Store) {
	s, soon := open(t), 150*time.Millisecond
	setNX(t, s, "longer", []byte("a"), 2*time.Second)
	if err := s.CompareAndSwap(t.Context(), "longer", []byte("a"), []byte("b"), time.Hour); err != nil {
		t.Fatal(err)
	}
	setNX(t, s, "shorter", []byte("a"), time.Hour)
	if err := s.CompareAndSwap(t.Context(), "shorter", []byte("a"), []byte("b"), soon); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	eventually(
		t, "the shorter one has expired",
		func() bool { return setNX(t, s, "shorter", []byte("c"), time.Hour) == nil },
	)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("a cell for %v lasted %v", soon, took)
	}
	until(t, begun.Add(2*time.Second+50*time.Millisecond))
	holds(t, s, "longer", []byte("b"))
}

// getHolds fails unless Get returns exactly this; nil: nothing.
func getHolds(t *testing.T, s store.Store, name string, value []byte) {
	t.Helper()
	current, err := s.Get(t.Context(), name)
	if err != nil || string(current) != string(value) || (current == nil) != (value == nil) {
		t.Errorf(
			"the cell %s holds %d bytes %.20q (none: %v), %v; want %d bytes %.20q", name, len(current), current,
			current == nil, err, len(value), value,
		)
	}
}

func getReturns(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	was := []byte("first")
	getHolds(t, s, "name", nil)
	setNX(t, s, "name", was, time.Hour)
	for _, value := range [][]byte{noise(store.MaxBody), {}, {0, 0xff, '\r', '\n'}, []byte("last")} {
		getHolds(t, s, "name", was)
		getHolds(t, other, "name", was)
		if err := s.CompareAndSwap(t.Context(), "name", was, value, time.Hour); err != nil {
			t.Fatal(err)
		}
		was = value
	}
	getHolds(t, other, "name", was)
	getHolds(t, other, "nam", nil)
	getHolds(t, other, "name:", nil)
	longest := strings.Repeat("x", 128)
	setNX(t, s, longest, was, time.Hour)
	getHolds(t, other, longest, was)
	for _, name := range []string{"", longest + "x"} {
		_, err := s.Get(t.Context(), name)
		want(t, "Get of "+name, err, store.ErrInvalid)
	}
}

func getOnly(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	for range 3 {
		getHolds(t, s, "name", nil)
	}
	if current := setNX(t, other, "name", []byte("value"), time.Hour); current != nil {
		t.Errorf("after Get alone, the cell holds %q", current)
	}
	getHolds(t, s, "name", []byte("value"))
	holds(t, other, "name", []byte("value"))
}

func getExpired(t *testing.T, open func(*testing.T) store.Store) {
	const d = 200 * time.Millisecond
	s, other := open(t), open(t)
	before := time.Now()
	setNX(t, s, "name", []byte("value"), d)
	eventually(t, "it has expired", func() bool { // Get does not make it last
		current, err := other.Get(t.Context(), "name")
		if err != nil || current != nil && string(current) != "value" {
			t.Fatalf("the cell holds %q, %v", current, err)
		}
		return current == nil
	})
	if took := time.Since(before); took < d-20*time.Millisecond || took > 30*time.Second {
		t.Errorf("it expired after %v, want %v", took, d)
	}
	getHolds(t, s, "name", nil)
}
