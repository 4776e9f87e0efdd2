package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/optin/optin/store"
)

// lock takes the write lock as another process would, until unlock is called.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	c, err := connect(t.Context(), path, syncOff, writing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.exec(beginImmediate); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// hang keeps the writer from going on, as a disk would that hangs, until release is called.
func hang(t *testing.T, s *Store) (release func()) {
	t.Helper()
	inside, released := make(chan bool), make(chan bool)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-inside
		cancel() // the caller leaves
	}()
	err := s.write(ctx, s.deadline(), func(*transaction) error {
		close(inside)
		<-released
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return func() { close(released) }
}

func TestALockedFileIsUnavailableInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path, Deadline: 900 * time.Millisecond})
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, path)
	began := time.Now()
	err := put(t.Context(), s, "b", nil)
	if took := time.Since(began); !errors.Is(err, store.ErrUnavailable) || took > time.Second {
		t.Errorf("writing gave %v after %v", err, took)
	}
	var u *store.UnsafeError
	if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.Contains(u.Words, "database is locked") ||
		!strings.Contains(u.Fix, "fuser "+path) {
		t.Errorf("Ready gave %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	err = put(short, s, "b", nil)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 500*time.Millisecond {
		t.Errorf("writing with a deadline of 50 ms gave %v after %v", err, took)
	}
	if _, err := s.Find(t.Context(), store.Key{Site: "gazette", ID: "a"}); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	unlock()
	if err := put(t.Context(), s, "b", nil); err != nil {
		t.Errorf("writing afterwards: %v", err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready afterwards: %v", err)
	}
}

// A file that somebody emptied or copied over while it was open would lose at the next start what is written from then
// on.
func TestAFileThatWasCutIsUnsafe(t *testing.T) {
	for name, cut := range map[string]func(path string, old []byte) error{
		"emptied":       func(path string, _ []byte) error { return os.Truncate(path, 0) },
		"an older copy": func(path string, old []byte) error { return os.WriteFile(path, old, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := closedStore(t)
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, Options{Path: path})
			for i := range 60 {
				if err := put(t.Context(), s, fmt.Sprintf("later-%d", i), make([]byte, 2000)); err != nil {
					t.Fatal(err)
				}
			}
			do(t, path, "PRAGMA wal_checkpoint(PASSIVE)")
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := cut(path, old); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it does not mend by itself
				var u *store.UnsafeError
				if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.Contains(u.Have, "cut from") ||
					!u.Incomplete {
					t.Fatalf("Ready gave %v", err)
				}
				if err := os.Truncate(path, 1<<30); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestAFullDiskIsUnavailableReadableAndRecovers(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err := put(t.Context(), s, "first", nil); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		if _, err := s.conns[0].value(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(60)
	var err error
	written := 0
	for ; err == nil && written < 100; written++ {
		err = put(t.Context(), s, fmt.Sprintf("record-%d", written), make([]byte, 32<<10))
	}
	if !errors.Is(err, store.ErrUnavailable) || primaryCode(err) != 13 { // SQLITE_FULL
		t.Fatalf("a full disk gives %v", err)
	}
	p, err := s.List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(p.Records) != written { // the one that failed is not there, but the first is
		t.Errorf("%d records are read of %d, %v", len(p.Records), written, err)
	}
	limit(10_000)
	if err := put(t.Context(), s, "after", make([]byte, 32<<10)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestADiskThatHangsHoldsNobodyUp(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Deadline: 100 * time.Millisecond})
	release := hang(t, s)
	var all sync.WaitGroup
	var late atomic.Int32
	for i := range 200 { // more than one group, and more than wait in line
		all.Go(func() {
			key, began := store.Key{Site: "gazette", ID: fmt.Sprint(i)}, time.Now()
			var left atomic.Bool
			f := func(store.Record) (store.Change, error) {
				if left.Load() {
					late.Add(1)
				}
				return store.Change{Put: &store.Record{}}, nil
			}
			update := func() error { return s.Update(t.Context(), key, f) }
			if i%2 == 0 { // as Update does in the end
				update = func() error {
					return s.write(t.Context(), s.deadline(), func(tx *transaction) error { return tx.update(key, f) })
				}
			}
			err := update()
			left.Store(true)
			if took := time.Since(began); !errors.Is(err, store.ErrUnavailable) || took > time.Second {
				t.Errorf("while the disk hangs, an update gives %v after %v", err, took)
			}
		})
	}
	all.Wait()
	release()
	err := put(t.Context(), s, "quick", nil)
	for range 50 { // this machine may be slow, too
		if err == nil {
			break
		}
		err = put(t.Context(), s, "quick", nil)
	}
	if err != nil {
		t.Errorf("once the disk goes on: %v", err)
	}
	if n := late.Load(); n > 0 {
		t.Errorf("%d updates ran after their callers had left", n)
	}
	if n := count(t, s, "records"); n != 1 {
		t.Errorf("%d records are there, want 1", n)
	}
}

// TestACallerThatLeavesAsItIsAnsweredTakesNobodyElseAlong ends contexts at any moment of their calls: the calls after
// them are not dropped.
func TestACallerThatLeavesAsItIsAnsweredTakesNobodyElseAlong(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone})
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*10)*time.Microsecond)
				err := put(ctx, s, fmt.Sprintf("brief-%d-%d", caller, n), nil)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				cancel()
				if err := put(t.Context(), s, fmt.Sprintf("patient-%d-%d", caller, n), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestUpdateReturnsNotBeforeItsFunctionHas ends the context of an update while its function runs.
func TestUpdateReturnsNotBeforeItsFunctionHas(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	ctx, cancel := context.WithCancel(t.Context())
	mine := 0 // belongs to this goroutine before and after the call

	err := s.write(ctx, s.deadline(), func(tx *transaction) error { // as Update does in the end
		return tx.update(store.Key{Site: "gazette", ID: "a"}, func(store.Record) (store.Change, error) {
			cancel()
			for range 1000 {
				mine++
				runtime.Gosched()
			}
			return store.Change{Put: &store.Record{}}, nil
		})
	})
	if mine != 1000 || !errors.Is(err, context.Canceled) {
		t.Errorf("it returned %v after %d turns", err, mine)
	}
	if n := count(t, s, "records"); n != 0 {
		t.Errorf("%d records are there", n)
	}
}

func TestAClosedStoreIsUnavailableAndLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), s, "b", nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("writing gives %v", err)
	}
	if _, err := s.Find(t.Context(), store.Key{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("reading gives %v", err)
	}
	goleak.VerifyNone(t, before)
}

func TestAContextThatEndsAfterTheLastStatementLeavesNothing(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, s.deadline(), func(tx *transaction) error {
		_, err := tx.exec(putText, "sum", []byte("text"))
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it gives %v", err)
	}
	if _, err := s.Text(t.Context(), "sum"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the text gives %v", err)
	}
}
