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

// put commits a record and a job of the same name.
func put(ctx context.Context, s store.Store, id string, data []byte) error {
	return s.Update(ctx, store.Key{Site: "gazette", ID: id}, func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "pending", Created: time.UnixMilli(1_800_000_000_000), Data: data},
			Enqueue: []store.Job{{ID: id, Queue: "email"}},
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
	leased, err := first.Lease(t.Context(), "email", 1, time.Hour)
	if err != nil || len(leased) != 1 {
		t.Fatal(leased, err)
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
		t.Errorf("the text is %q, %v", text, err)
	}
	if wait, err := acquire(t, second, "bucket", "", limit); wait == 0 || err != nil {
		t.Errorf("what was taken is forgotten: %v, %v", wait, err)
	}
	if jobs, err := second.Lease(t.Context(), "email", 9, time.Hour); len(jobs) != 1 || jobs[0].ID == leased[0].ID ||
		err != nil {
		t.Errorf("leased %+v, %v, want the one that nobody has leased", jobs, err)
	}
	if err := second.End(t.Context(), leased[0], store.Complete()); err != nil {
		t.Errorf("the lease was forgotten: %v", err)
	}
}

// childPath is set for the copy of the test program that writes until it is killed.
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
	enqueued := map[string]bool{}
	for {
		jobs, err := s.Lease(t.Context(), "email", 500, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 0 {
			break
		}
		for _, job := range jobs {
			enqueued[job.ID] = true
			if _, err := s.Find(t.Context(), job.Key); err != nil {
				t.Errorf("%s is enqueued without its record: %v", job.ID, err)
			}
		}
	}
	for id := range acknowledged {
		if !enqueued[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(enqueued))
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
		t.Fatalf("the child ended by itself after %d, its last line: %q", len(ids), lines.Text())
	}
	return ids
}

// writeUntilKilled prints "ack" after each acknowledged write.
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
