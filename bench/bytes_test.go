package bench

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver of store/sqlite
)

// measureBytes counts what a pending person takes in the store, all keys or tables counted, when the relay has taken
// their email, which is signed.
func measureBytes(s *subject) {
	n := size(s, "OPTIN_BENCH_PENDING", 20_000)
	s.signed = true
	s.start(s)
	s.warm(s)
	before, taken := s.bytes(), s.relay.taken.Load()
	s.signUp(s, 64, n)
	s.relay.wait(s, taken+int64(n))
	s.quiet(s)
	defer measureListing(s, n)
	each := func() float64 { return (s.bytes() - before) / float64(n) }
	if s.redis == nil {
		s.add("bytes of a pending person", "B", each()).atMost(900)
		return
	}
	s.add("bytes of a pending person, within a minute", "B", each())
	time.Sleep(time.Minute) // the buckets of their IP and network expire
	poll(s, "what has expired is gone", func() bool { return s.redis.keys(s) < int64(n)*11/10 })
	s.add("bytes of a pending person", "B", each()).atMost(800)
}

// keys returns how many keys a Redis server has.
func (r *redisServer) keys(t testing.TB) int64 {
	t.Helper()
	n, err := r.client.DBSize(t.Context()).Result()
	must(t, err)
	return n
}

// bytes returns what the store takes: the memory that Redis uses, or the file of SQLite with its log in it.
func (s *subject) bytes() float64 { return storeBytes(s, s.redis, s.file()) }
func (a *app) bytes() float64     { return storeBytes(a, a.redis, a.file) }

func storeBytes(t testing.TB, r *redisServer, file string) (used float64) {
	t.Helper()
	if r != nil {
		for line := range strings.Lines(r.client.Info(t.Context(), "memory").Val()) {
			_, _ = fmt.Sscanf(line, "used_memory:%g", &used)
		}
		return used
	}
	db := openFile(t, file)
	defer db.Close()
	_, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	return float64(info.Size())
}

// openFile opens an SQLite file beside the program.
func openFile(t testing.TB, path string) *sql.DB {
	t.Helper()
	file := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)"}
	db, err := sql.Open("sqlite", file.String())
	must(t, err)
	db.SetMaxOpenConns(1)
	return db
}
