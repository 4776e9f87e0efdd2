package bench

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
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
	before, taken, first := s.bytes(), s.relay.taken.Load(), s.keys()
	s.signUp(s, 64, n)
	s.relay.wait(s, taken+int64(n))
	s.quiet(s)
	each := func() float64 { return (s.bytes() - before) / float64(n) }
	if s.redis == nil {
		s.add("bytes of a pending person", "B", each()).atMost(900)
		return
	}
	s.add("bytes of a pending person, within a minute", "B", each())
	if s.store == redisAlways {
		time.Sleep(time.Minute) // the buckets of their IP and network expire
		for end := time.Now().Add(time.Minute); s.keys()-first > int64(n)*11/10 && time.Now().Before(end); {
			time.Sleep(time.Second)
		}
	}
	s.add("bytes of a pending person", "B", each()).atMost(800)
}

// keys returns how many keys a Redis server has.
func (o *optin) keys() int64 {
	if o.redis == nil {
		return 0
	}
	return o.redis.client.DBSize(context.Background()).Val()
}

// bytes returns what the store takes: the memory that Redis uses, or the file of SQLite with its log in it.
func (s *subject) bytes() (used float64) {
	if s.redis != nil {
		for line := range strings.Lines(s.redis.client.Info(s.Context(), "memory").Val()) {
			_, _ = fmt.Sscanf(line, "used_memory:%g", &used)
		}
		return used
	}
	db := s.open()
	defer db.Close()
	_, err := db.ExecContext(s.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	must(s, err)
	info, err := os.Stat(s.file())
	must(s, err)
	return float64(info.Size())
}

// open opens the SQLite file beside the program.
func (s *subject) open() *sql.DB {
	s.Helper()
	file := url.URL{Scheme: "file", Path: s.file(), RawQuery: "_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)"}
	db, err := sql.Open("sqlite", file.String())
	must(s, err)
	db.SetMaxOpenConns(1)
	return db
}
