package sqlite

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// freezable returns a folder on a file system of its own.
func freezable(t *testing.T) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	command := func(name string, args ...string) error {
		said, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", name, err, said)
		}
		return err
	}
	for _, c := range [][]string{
		{"truncate", "-s", "64M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir},
	} {
		if err := command(c[0], c[1:]...); err != nil {
			t.Skipf("this process may mount nothing, which needs root and a loop device: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := command("umount", dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A thread that touches what SQLite shares with other processes stops while the file system is frozen, and with it the
// whole process; so nobody touches it then.
func TestAFrozenFileSystemIsRefusedInTime(t *testing.T) {
	dir := freezable(t)
	s := open(t, Options{Path: filepath.Join(dir, "optin.db"), Deadline: 900 * time.Millisecond})
	fsfreeze := func(how string) {
		t.Helper()
		if said, err := exec.Command("fsfreeze", how, dir).CombinedOutput(); err != nil {
			t.Fatalf("fsfreeze %s: %v: %s", how, err, said)
		}
	}
	for round := range 3 {
		fill(t, s, 10*round, 10*round+10)
		ready(t, s)
		time.Sleep(2 * checkedFor)
		thaw := exec.Command("sh", "-c", "sleep 20; fsfreeze -u "+dir) // in case that this process stops
		if err := thaw.Start(); err != nil {
			t.Fatal(err)
		}
		fsfreeze("-f")
		for what, call := range map[string]func() error{
			"a signup": func() error { return put(t.Context(), s, fmt.Sprint("frozen-", round), nil) },
			"ready":    func() error { return s.Ready(t.Context()) },
			"a lookup": func() error {
				_, err := s.Find(t.Context(), store.Key{Site: "gazette", ID: "fill-1"})
				return err
			},
		} {
			began := time.Now()
			err := call()
			if took := time.Since(began); !errors.Is(err, store.ErrUnavailable) || took > 1500*time.Millisecond {
				t.Errorf("%s gave %v after %v", what, err, took)
			}
			var u *store.UnsafeError
			if what == "ready" && (!errors.As(err, &u) || !strings.Contains(u.Setting, "the disk of") ||
				!strings.Contains(u.Fix, "fsfreeze -u")) {
				t.Errorf("Ready says %v", err)
			}
		}
		_ = thaw.Process.Kill()
		_ = thaw.Wait()
		fsfreeze("-u")
		for end := time.Now().Add(10 * time.Second); s.Ready(t.Context()) != nil; {
			if time.Now().After(end) {
				t.Fatal("it does not go on")
			}
		}
	}
}
