// Package bench measures what optin costs: `make bench`. The program is the real one, built as a release is, over HTTP,
// with its real limits on IPs and networks, on SQLite and on Redis with appendfsync always and everysec. Emails count
// when the relay has them. Processor time is that of every process that works for optin: the program and its
// redis-server.
//
// What depends on the machine is stated as a ratio to a floor: the same work with as little as it takes, in the same
// run, in alternating rounds. The floors run in a process of their own, so that their processor time is counted in the
// same way:
//
//	echo parse        an echo handler that reads the same body and responds in the same way
//	echo + script     the same, which runs one script that writes rows of the same sizes to the same Redis, unchecked
//	echo + GET        the same, which gets one key of a record's size from it
//	SQLite            rows of the same sizes, unchecked, of one signup in each transaction and of 64
//	bare rows         one row of a record's and its job's size for each signup, 64 in a transaction
//	go-mail           go-mail's own Send of an email of the same text, on as many held connections
//	raw sender        the same email, written beforehand, its commands pipelined, on as many held connections
//
// The load, the relay and the floors share the processors with what is measured. A figure is the median of its rounds,
// a ratio the median of the rounds' ratios. Sizes come from the environment:
//
//	OPTIN_BENCH          the folder that figures.json, figures.md and the charts are written into
//	OPTIN_BENCH_BINARY   the program, instead of building it
//	OPTIN_BENCH_ONLY     only the parts whose names match: a regular expression
//	OPTIN_BENCH_SIGNUPS  signups in a round, 1500
//	OPTIN_BENCH_PENDING  pending people whose bytes are counted, 20000
//	OPTIN_BENCH_MANY     records up to which the growth on Redis is measured, 200000; on SQLite it is the large file
//	OPTIN_BENCH_LARGE    sizes of the SQLite file of a cold start in MB, 600; 600,2000 makes two
//
// No test asserts a time. What can be counted, calls of the store, allocations and bytes, has bounds in the tests
// beside, which fail when an act gets more expensive.
//
// Files are created under TMPDIR, which should not be a tmpfs: nothing is durable there, and nothing is cold.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(floorsVariable); addr != "" {
		fmt.Fprintln(os.Stderr, serveFloors(addr))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// machine returns what is measured on.
func machine() string {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	model := "unknown"
	if _, after, ok := strings.Cut(string(cpu), "model name"); err == nil && ok {
		model, _, _ = strings.Cut(strings.TrimLeft(after, "\t :"), "\n")
	}
	redis, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		redis = []byte("no redis-server")
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(redis)), " sha=")
	return fmt.Sprintf("%d cores (%s), %s/%s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH,
		runtime.Version(), version)
}

// size returns a number of the environment, or the usual one.
func size(t testing.TB, name string, usual int) int {
	t.Helper()
	word := os.Getenv(name)
	if word == "" {
		return usual
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 100 {
		t.Fatalf("%s is %q: write a number, 100 or more", name, word)
	}
	return n
}
