package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// TestWhatIsErasedIsSoonInNoFile looks at the raw bytes of the database and its log while the store is open.
func TestWhatIsErasedIsSoonInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Sweep: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := store.Key{Site: "gazette", ID: "aaaaaaaaaaaaaaaaaaaaaa"}
	kept := store.Key{Site: "gazette", ID: "bbbbbbbbbbbbbbbbbbbbbb"}
	secret := bytes.Repeat([]byte("sealed words "), 400)
	put := func(key store.Key, data []byte, erases bool) {
		t.Helper()
		err := s.Update(t.Context(), key, func(store.Record) (store.Change, error) {
			r := &store.Record{State: "confirmed", Created: time.Now(), Data: data}
			c := store.Change{Put: r, DropJobs: erases}
			if !erases {
				c.Enqueue = []store.Job{{ID: "job", Queue: "log", Body: data[:1000]}}
			}
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found := func() (n int) {
		for _, name := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, []byte("sealed words "))
		}
		return n
	}
	put(key, secret, false)
	put(kept, []byte("other words "+string(make([]byte, 1000))), false)
	if found() == 0 {
		t.Fatal("this test looks in the wrong place")
	}
	put(key, []byte("bare"), true)
	for deadline := time.Now().Add(10 * time.Second); found() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d times left", found())
		}
	}
	if r, err := s.Find(t.Context(), kept); err != nil || !bytes.HasPrefix(r.Data, []byte("other words")) {
		t.Errorf("what was not erased: %q, %v", r.Data, err)
	}
}
