package bench

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"time"
)

// bytesPerPending
func (s *subject) bytesPerPending(n int) {
	s.quiet(s)
	before := s.bytes()
	first := s.relay.taken.Load()
	s.signUp(s, 64, n)
	s.relay.wait(s, first+int64(n))
	s.quiet(s)
	s.add("bytes per pending, at once", "B", (s.bytes()-before)/float64(n))
	if s.redis != nil {
		s.Log(s.byPrefix(n))
	} else {
		s.Log(s.byTable(n))
	}
	time.Sleep(75 * time.Second)
	f := s.add("bytes per pending", "B", (s.bytes()-before)/float64(n))
	if s.redis != nil {
		f.atMost(800)
		s.Log(s.byPrefix(n))
	} else {
		f.atMost(900)
		s.Log(s.byTable(n))
	}
}

func (s *subject) bytes() float64 {
	if s.redis != nil {
		var used float64
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

func (s *subject) open() *sql.DB {
	db, err := sql.Open("sqlite", "file:"+s.file()+"?_pragma=busy_timeout(5000)")
	must(s, err)
	return db
}

func (s *subject) byPrefix(n int) string {
	m, c := map[string]int64{}, map[string]int{}
	it := s.redis.client.Scan(s.Context(), 0, "*", 1000).Iterator()
	for it.Next(s.Context()) {
		k := it.Val()
		p := k[:min(len(k), 5)]
		m[p] += s.redis.client.MemoryUsage(s.Context(), k, 0).Val()
		c[p]++
	}
	out := ""
	for p, b := range m {
		out += fmt.Sprintf("%q: %d keys, %.1f B each pending; ", p, c[p], float64(b)/float64(n))
	}
	return out
}

func (s *subject) byTable(n int) string {
	db := s.open()
	defer db.Close()
	rows, err := db.QueryContext(s.Context(), "SELECT name, sum(pgsize) FROM dbstat GROUP BY name")
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	out := ""
	for rows.Next() {
		var name string
		var b int64
		must(s, rows.Scan(&name, &b))
		out += fmt.Sprintf("%s %.1f; ", name, float64(b)/float64(n))
	}
	return out
}
