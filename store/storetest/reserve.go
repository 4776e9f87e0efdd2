package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func reserving() []testCase {
	return []testCase{
		{"ExactlyOneOfManyReserves", reservedOnce},
		{"AReservationGoesWhenItsTimeComes", reservationEnds},
		{"NamesOfReservationsDoNotMix", reservedApart},
		{"ReservationsOutOfBoundsAreRefused", reservationsRefused},
	}
}

func reserve(t *testing.T, s store.Store, name string, value []byte, d time.Duration) []byte {
	t.Helper()
	held, err := s.SetNX(t.Context(), name, value, d)
	if err != nil {
		t.Fatalf("reserving %s: %v", name, err)
	}
	return held
}

// holds fails unless a value is kept under the name.
func holds(t *testing.T, s store.Store, name string, value []byte) {
	t.Helper()
	held := reserve(t, s, name, []byte("somebody else's"), time.Hour)
	if held == nil || !bytes.Equal(held, value) {
		t.Errorf("under %s are %d bytes %.20q (none: %v), want %d bytes %.20q", name, len(held), held, held == nil, len(value), value)
	}
}

func reservedOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	var mu sync.Mutex
	var won []int
	told := map[string]int{}
	atOnce(t, n, func(i int) error {
		held, err := clients[i%2].SetNX(t.Context(), "name", fmt.Appendf(nil, "value %d", i), time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if held == nil && err == nil {
			won = append(won, i)
		} else {
			told[string(held)]++
		}
		return err
	})
	if len(won) != 1 {
		t.Fatalf("%v won, want one", won)
	}
	value := fmt.Sprintf("value %d", won[0])
	if told[value] != n-1 {
		t.Errorf("the others were told %v, want %q", told, value)
	}
	holds(t, clients[0], "name", []byte(value))
	if held := reserve(t, clients[1], "name", []byte(value), time.Hour); held != nil {
		t.Errorf("whoever has it is told that %q has", held)
	}
}

func reservationEnds(t *testing.T, open func(*testing.T) store.Store) {
	s, other, d := open(t), open(t), 200*time.Millisecond
	before := time.Now()
	reserve(t, s, "name", []byte("first"), d)
	eventually(t, "the reservation is over", func() bool {
		held := reserve(t, other, "name", []byte("second"), time.Hour)
		if held != nil && string(held) != "first" {
			t.Fatalf("kept is %q", held)
		}
		return held == nil
	})
	if took := time.Since(before); took < d-20*time.Millisecond {
		t.Errorf("it was over after %v, want %v", took, d)
	}
	holds(t, s, "name", []byte("second"))
	want(t, "replacing what is over", s.CompareAndSwap(t.Context(), "name", []byte("first"), []byte("third"), time.Hour), store.ErrChanged)
	reserve(t, s, "brief", []byte("first"), d)
	until(t, time.Now().Add(d+20*time.Millisecond))
	want(t, "replacing too late", s.CompareAndSwap(t.Context(), "brief", []byte("first"), []byte("third"), time.Hour), store.ErrChanged)
}

func reservedApart(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	all := []string{"a", "b", "a:b", "idem/kj3_-h", strings.Repeat("x", 128)}
	for _, name := range all {
		if held := reserve(t, s, name, []byte("of "+name), time.Hour); held != nil {
			t.Errorf("%s holds %q", name, held)
		}
	}
	for _, name := range all {
		holds(t, open(t), name, []byte("of "+name))
	}
	if wait := acquire(t, s, "a", store.Limit{N: 1, Per: time.Hour}); wait != 0 {
		t.Errorf("a bucket of the same name waits %v", wait)
	}
}

func reservationsRefused(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	reserve(t, s, "name", []byte("old"), time.Hour)
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
		want(t, "reserving with "+what, err, store.ErrInvalid)
		want(t, "replacing with "+what, s.CompareAndSwap(t.Context(), c.name, []byte("old"), c.value, c.d), store.ErrInvalid)
	}
	holds(t, s, "name", []byte("old"))
}
