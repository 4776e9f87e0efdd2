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
	const n, callers = 20_000, 64
	path := filepath.Join(t.TempDir(), "optin.db")
	c := newClock()
	s := open(t, Options{Path: path, Now: c.Now, Durability: store.DurabilityNone})
	empty := fileSize(t, path)
	var all sync.WaitGroup
	for caller := range int64(callers) {
		all.Go(func() {
			for i := caller; i < n; i += callers {
				c.advance(13 * time.Millisecond)
				change := signup(i, c.Now())
				change.Acquire = nil // of IPs, whose buckets are swept
				err := s.Update(t.Context(), hashed(i), func(store.Record) (store.Change, error) { return change, nil })
				if err != nil {
					t.Error(err)
				}
				send(t, s, i)
			}
		})
	}
	all.Wait()
	for queue := range int64(16) {
		send(t, s, queue)
	}
	each := float64(fileSize(t, path)-empty) / n
	t.Logf("%.0f bytes for each of %d", each, n)
	if each > bytesPerPending {
		t.Errorf("%.0f bytes for each of %d, want at most %d", each, n, bytesPerPending)
	}
	if records, buckets, jobs := count(t, s, "records"), count(t, s, "buckets"), count(t, s, "jobs"); records != n ||
		buckets != n || jobs != 0 {
		t.Errorf("%d records, %d buckets and %d jobs are there", records, buckets, jobs)
	}
}

// send leases the emails of a queue and ends them, as if they had been sent.
func send(t *testing.T, s *Store, n int64) {
	t.Helper()
	jobs, err := s.Lease(t.Context(), store.QueueName(fmt.Sprintf("email/%d", n%16)), 100, time.Minute)
	if err != nil {
		t.Error(err)
	}
	for _, job := range jobs {
		if err := s.End(t.Context(), job, store.Complete()); err != nil {
			t.Error(err)
		}
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
