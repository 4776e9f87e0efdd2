package sqlite

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func BenchmarkSignup(b *testing.B) {
	for _, d := range []Durability{Always, None} {
		b.Run(string(d), func(b *testing.B) {
			s := openBench(b, d)
			var n atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := put(b.Context(), s, fmt.Sprint(n.Add(1)), make([]byte, 1500)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkTake(b *testing.B) {
	s := openBench(b, Always)
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			_, err := s.Acquire(b.Context(), fmt.Sprint(n.Add(1)%1000), "", store.Limit{N: 3, Per: time.Minute})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkTakeOfATaker is about as fast however much the bucket holds.
func BenchmarkTakeOfATaker(b *testing.B) {
	for _, n := range []int{0, 1000, 50_000} {
		b.Run(fmt.Sprintf("among=%d", n), func(b *testing.B) {
			s := openBench(b, Always)
			if n > 0 {
				fill(b, s, "bucket", n)
			}
			limits := []store.Limit{{N: 1 << 30, Per: time.Minute}, {N: n + 1<<20, Per: 24 * time.Hour}}
			taken := 0
			for b.Loop() {
				taken++
				if wait, err := s.Acquire(b.Context(), "bucket", fmt.Sprint("new-", taken), limits...); wait != 0 || err != nil {
					b.Fatal(wait, err)
				}
			}
		})
	}
}

// BenchmarkReturn returns what was taken so many takes ago, of 50,000.
func BenchmarkReturn(b *testing.B) {
	const n = 50_000
	for _, ago := range []int{0, 100, 5000, n / 2, n - 1000} {
		b.Run(fmt.Sprintf("ago=%d", ago), func(b *testing.B) {
			s := openBench(b, Always)
			fill(b, s, "bucket", n)
			returned := 0
			for b.Loop() {
				taker := n - ago - returned // going back, with as many newer ones
				returned++
				if err := s.Return(b.Context(), "bucket", fmt.Sprint("letter-", taker)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHastenTenThousand(b *testing.B) {
	const n = 10_000
	s := openBench(b, Always)
	const owed = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?1)
		INSERT INTO entries (id, kind, site, record, body, due, hidden)
		SELECT 'letter-' || i, 'letter', 'gazette', i, randomblob(500), ?2 + i, ?2 + i FROM n`
	later := time.Now().Add(time.Hour).UnixMilli()
	if _, err := s.hard.db.Exec(owed, n, later); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := s.RunNow(b.Context(), "letter", 1e9); got != n || err != nil {
			b.Fatal(got, err)
		}
		b.StopTimer()
		if _, err := s.hard.db.Exec("UPDATE entries SET hidden = ? + seq", later); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func openBench(b *testing.B, d Durability) *Store {
	b.Helper()
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "optin.db"), Durability: d})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}
