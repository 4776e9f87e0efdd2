// Package bench measures what optin costs: `make bench`. It asserts nothing, because machines differ, and so do their
// loads.
//
// What depends on the machine is reported as a ratio to a floor, which is measured in the same run, in alternating
// rounds:
//
//	signups, confirmations  to one bare write of as many bytes, as durable, by as many concurrent callers
//	emails                  to go-mail's own Send of the same text on open connections to the same server
//	a listing's last page   to its first
//	the heap of an export   to the heap just before it
//
// Every figure is a median: of five rounds, of fifty-one pages, of the ten parts of an export. Sizes come from the
// environment:
//
//	OPTIN_BENCH_SQLITE   subscriptions listed and exported from SQLite, 1000000
//	OPTIN_BENCH_REDIS    subscriptions listed and exported from Redis, 200000
//	OPTIN_BENCH_ACTIONS  signups and confirmations in a round, 2000
//	OPTIN_BENCH_EMAILS   emails in a round, 1000
//
// Files are created under TMPDIR, which should not be a tmpfs: nothing is durable there.
package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestMain prints what is measured on.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		redis, err := exec.Command("redis-server", "--version").Output()
		if err != nil {
			redis = []byte("no redis-server")
		}
		version, _, _ := strings.Cut(strings.TrimSpace(string(redis)), " sha=")
		fmt.Printf("machine: %d cores, %s, %s, files in %s\n", runtime.NumCPU(), runtime.Version(), version,
			os.TempDir())
	}
	m.Run()
}

// size returns a number of the environment, or the usual one.
func size(b *testing.B, name string, usual int) int {
	b.Helper()
	word := os.Getenv(name)
	if word == "" {
		return usual
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1000 {
		b.Fatalf("%s is %q: write a number, 1000 or more", name, word)
	}
	return n
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
