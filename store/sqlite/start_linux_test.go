package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// largeFile returns a file of about so many MiB, closed in order.
func largeFile(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path, Durability: store.DurabilityNone})
	const fill = `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?)
		INSERT INTO records (site, id, version, state, created, data)
		SELECT 1, 'record-' || i || '-' || ?, i, 1, i, randomblob(8000) FROM numbers`
	for part := range size {
		err := s.write(t.Context(), time.Now().Add(time.Minute), func(tx *transaction) error {
			_, err := tx.exec(fill, int64(128), int64(part))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// dropCache has the system forget what it keeps of a file in memory (posix_fadvise(2)).
func dropCache(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil { // only what is on the disk is forgotten
		t.Fatal(err)
	}
	const dontNeed = 4
	if _, _, failed := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); failed != 0 {
		t.Fatal(failed)
	}
}

// bytesRead returns how many bytes this process has read so far.
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	content, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skipf("this system does not count what is read: %v", err)
	}
	if _, err := fmt.Fscanf(strings.NewReader(string(content)), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpeningReadsTheBeginningOfTheFileOnly(t *testing.T) {
	o, err := Options{Path: largeFile(t, 8), Durability: store.DurabilityNone}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	d := newDatabase(o)
	before := bytesRead(t)
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := bytesRead(t) - before; n > 1<<19 {
		t.Errorf("%d bytes were read", n)
	}
	if err := d.closeAll(); err != nil {
		t.Error(err)
	}
}

// TestALargeFileIsReadyAtOnce starts with a file that is not in memory, whose check for damage takes a while: under
// OPTIN_SOAK, with 2 GiB. Close does not wait for the check.
func TestALargeFileIsReadyAtOnce(t *testing.T) {
	size := 16
	if os.Getenv("OPTIN_SOAK") == "1" {
		size = 2048
	}
	path := largeFile(t, size)
	for range 3 {
		runtime.GC()
		dropCache(t, path)
		began := time.Now()
		s, err := Open(t.Context(), Options{Path: path, Durability: store.DurabilityNone})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		ready := time.Since(began)
		began = time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		closed := time.Since(began)
		t.Logf("%d MiB: ready after %v, closed after %v", size, ready.Round(time.Millisecond),
			closed.Round(time.Millisecond))
		if ready > 2*time.Second || closed > 5*time.Second { // this machine may be busy
			t.Errorf("%d MiB: ready after %v, closed after %v", size, ready, closed)
		}
	}
}
