package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// put commits a record and an entry of the same name.
func put(ctx context.Context, s store.Store, id string, data []byte) error {
	return s.Update(ctx, store.Key{Site: "gazette", ID: id}, func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "pending", Created: time.UnixMilli(1_800_000_000_000), Data: data},
			Enqueue: []store.Job{{ID: id, Queue: "letter"}},
		}, nil
	})
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a name with ? % # and é", "optin.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	const sum = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" // of "foo"
	limit := store.Limit{N: 1, Per: time.Hour}
	first := open(t, Options{Path: path})
	for _, id := range []string{"a", "b"} {
		if err := put(t.Context(), first, id, []byte("data of "+id)); err != nil {
			t.Fatal(err)
		}
	}
	held, err := first.Lease(t.Context(), "letter", 1, time.Hour)
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	if err := first.PutText(t.Context(), sum, []byte("foo")); err != nil {
		t.Fatal(err)
	}
	if wait, err := acquire(t, first, "bucket", "", limit); wait != 0 || err != nil {
		t.Fatal(wait, err)
	}
	before, err := first.List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(before.Records) != 2 {
		t.Fatal(before, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, Options{Path: path})
	after, err := second.List(t.Context(), store.Query{Site: "gazette"})
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("records changed: %v\n%s", err, diff)
	}
	if text, err := second.Text(t.Context(), sum); string(text) != "foo" || err != nil {
		t.Errorf("kept %q, %v", text, err)
	}
	if wait, err := acquire(t, second, "bucket", "", limit); wait == 0 || err != nil {
		t.Errorf("the take was forgotten: %v, %v", wait, err)
	}
	if es, err := second.Lease(t.Context(), "letter", 9, time.Hour); len(es) != 1 || es[0].ID == held[0].ID || err != nil {
		t.Errorf("leased %+v, %v, want the one that nobody holds", es, err)
	}
	if err := second.End(t.Context(), held[0], store.Complete()); err != nil {
		t.Errorf("the lease was forgotten: %v", err)
	}
}

// childPath tells a copy of the test program that it is the child that writes until it is killed.
const childPath = "OPTIN_TEST_SQLITE_CHILD"

// TestAKilledProcessLosesNothingItAcknowledged kills a writing process, again and again, on the same file.
func TestAKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	if path := os.Getenv(childPath); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "optin.db")
	acknowledged := map[string]bool{}
	for round := range 6 {
		for _, id := range killAfter(t, path, round, 40+60*round) {
			acknowledged[id] = true
		}
	}
	s := open(t, Options{Path: path})
	owed := map[string]bool{}
	for {
		es, err := s.Lease(t.Context(), "letter", 500, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			owed[e.ID] = true
			if _, err := s.Find(t.Context(), e.Key); err != nil {
				t.Errorf("%s is owed without its record: %v", e.ID, err)
			}
		}
	}
	for id := range acknowledged {
		if !owed[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(owed))
}

// killAfter starts a child, kills it after n acknowledgements, and returns all that it made.
func killAfter(t *testing.T, path string, round, n int) (ids []string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	child.Env = append(os.Environ(), childPath+"="+path, fmt.Sprintf("OPTIN_TEST_ROUND=%d", round))
	stdin, err := child.StdinPipe() // closed when this process dies, which ends the child
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			ids = append(ids, id)
		}
		if len(ids) == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(ids) < n {
		t.Fatalf("the child ended by itself after %d, last words: %q", len(ids), lines.Text())
	}
	return ids
}

// writeUntilKilled says "ack" after each acknowledged write.
func writeUntilKilled(t *testing.T, path string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // the test that started this is gone
	}()
	s := open(t, Options{Path: path})
	var all sync.WaitGroup
	for writer := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("r%s-w%d-n%d", os.Getenv("OPTIN_TEST_ROUND"), writer, n)
				if err := put(context.Background(), s, id, make([]byte, 3000)); err != nil {
					fmt.Println("failed", id, err)
					os.Exit(1)
				}
				fmt.Println("ack", id)
			}
		})
	}
	all.Wait()
}
