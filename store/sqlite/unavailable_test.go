package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/optin/optin/store"
)

// lock takes the write lock as another process would, until unlock is called.
func lock(t *testing.T, s *Store) (unlock func()) {
	t.Helper()
	tx, err := s.durable.db.BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

func TestALockedFileIsUnavailableInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s, other := open(t, Options{Path: path, Deadline: 900 * time.Millisecond}), open(t, Options{Path: path})
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, other)
	began := time.Now()
	err := put(t.Context(), s, "b", nil)
	if took := time.Since(began); !errors.Is(err, store.ErrUnavailable) || took > time.Second {
		t.Errorf("writing gave %v after %v", err, took)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
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
}

func TestAFullDiskIsUnavailableReadableAndRecovers(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err := put(t.Context(), s, "first", nil); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		if _, err := s.durable.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
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

func TestAnUpdateThatHangsHoldsNobodyUp(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Deadline: 100 * time.Millisecond})
	inside, release, ended := make(chan bool), make(chan bool), make(chan error)
	go func() {
		slow := store.Key{Site: "gazette", ID: "slow"}
		ended <- s.Update(t.Context(), slow, func(store.Record) (store.Change, error) {
			close(inside)
			<-release
			return store.Change{Put: &store.Record{}}, nil
		})
	}()
	<-inside
	var err error
	for range 20 { // the first may be too early
		if err = put(t.Context(), s, "quick", nil); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("while another update hangs: %v", err)
	}
	close(release)
	if err := <-ended; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the update that came too late gives %v", err)
	}
	if _, err := s.Find(t.Context(), store.Key{Site: "gazette", ID: "slow"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("and its record %v", err)
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

func TestAContextThatEndsJustBeforeTheCommitLeavesNothing(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.transact(ctx, s.durable, func(tx transaction) error {
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
