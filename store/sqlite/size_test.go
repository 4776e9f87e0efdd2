package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// bytesPerPending is what one pending person may take in the file, tables and indexes together.
const bytesPerPending = 700

// TestAPendingPersonTakesFewBytes fills a file with records as they are after a signup whose email has gone: 400 bytes
// of data, a timer, an expiry, and the bucket of the mailbox.
func TestAPendingPersonTakesFewBytes(t *testing.T) {
	const n = 20_000
	path := filepath.Join(t.TempDir(), "optin.db")
	c := newClock()
	s := open(t, Options{Path: path, Now: c.Now})
	empty := fileSize(t, path)
	var all sync.WaitGroup
	for caller := range 64 {
		all.Go(func() {
			for i := caller; i < n; i += 64 {
				c.advance(13 * time.Millisecond)
				change := signup(int64(i), c.Now())
				change.Acquire = nil // of IPs, which expire within minutes
				err := s.Update(t.Context(), hashed(int64(i)), func(store.Record) (store.Change, error) {
					return change, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for sent := 0; sent < n/64; {
				jobs, err := s.Lease(t.Context(), store.QueueName(fmt.Sprintf("email/%d", caller%16)), 8, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				for _, job := range jobs {
					if err := s.End(t.Context(), job, store.Complete()); err != nil {
						t.Error(err)
					}
				}
				if sent += len(jobs); len(jobs) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	all.Wait()
	for n := range 16 {
		jobs, err := s.Lease(t.Context(), store.QueueName(fmt.Sprintf("email/%d", n)), 100_000, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			if err := s.End(t.Context(), job, store.Complete()); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := float64(fileSize(t, path)-empty) / n
	t.Logf("%.0f bytes for each of %d", each, n)
	if each > bytesPerPending {
		t.Errorf("%.0f bytes for each of %d, want at most %d", each, n, bytesPerPending)
	}
	if got := count(t, s, "records"); got != n {
		t.Errorf("%d records are there", got)
	}
}

// fileSize returns the size of the file, with all of its log in it.
func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return file.Size()
}
