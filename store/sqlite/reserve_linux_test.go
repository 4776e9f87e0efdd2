package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/optin/optin/store"
)

// smallDisk returns a folder on a disk of its own, of so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", size)); err != nil {
		t.Skipf("this process may mount nothing, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestOnAFullDiskWhatTakesConsentBackIsKept(t *testing.T) {
	dir := smallDisk(t, 8<<20)
	s := open(t, Options{Path: filepath.Join(dir, "optin.db"), Durability: store.DurabilityNone})
	key := func(n int) store.Key { return store.Key{Site: "gazette", ID: fmt.Sprintf("record_%015d", n)} }
	update := func(n int, c store.Change) error {
		return s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) { return c, nil })
	}
	signup := store.Change{Put: &store.Record{State: "pending", Data: make([]byte, 2<<10)}}
	const people = 40
	for n := range people {
		if err := update(n, signup); err != nil {
			t.Fatal(err)
		}
	}
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4<<10))
	}
	_ = f.Close()
	for n := people; err == nil || !errors.Is(err, store.ErrUnavailable); n++ {
		if err = update(n, signup); n > 10_000 {
			t.Fatal("the disk never fills up")
		}
	}

	for n := range people {
		err := update(n, store.Change{
			Put: &store.Record{State: "withdrawn", Data: make([]byte, 2<<10)}, EvenIfFull: true,
			Enqueue: []store.Job{{ID: fmt.Sprint("event", n), Queue: "webhook"}},
			Count:   []store.Count{{At: day("2026-11-30"), Name: "withdrawals", N: 1}},
		})
		if err != nil {
			t.Fatalf("withdrawal %d: %v", n, err)
		}
	}
	for range 2 { // also where a withdrawal has just made room
		var u *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.HasPrefix(u.Setting, "the disk of") ||
			u.Incomplete {
			t.Fatalf("ready: %v", err)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if is, err := os.Stat(s.spare.path); err != nil || is.Size() != reserveSize {
		t.Errorf("the reserve is not whole again: %v", err)
	}
	if err := update(people+10_001, signup); err != nil {
		t.Errorf("with room again: %v", err)
	}
	for n := range people {
		if r, err := s.Find(t.Context(), key(n)); err != nil || r.State != "withdrawn" {
			t.Errorf("%d is %q, %v", n, r.State, err)
		}
	}
}
