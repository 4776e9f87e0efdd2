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
			_, err := acquire(b, s, fmt.Sprint(n.Add(1)%1000), "", store.Limit{N: 3, Per: time.Minute})
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
				if wait, err := acquire(b, s, "bucket", fmt.Sprint("new-", taken), limits...); wait != 0 || err != nil {
					b.Fatal(wait, err)
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

// fill writes n as if they had been taken, a microsecond apart, the last of them now: by letter-1, letter-2, ….
func fill(t testing.TB, s *Store, bucket string, n int) {
	t.Helper()
	const taken = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?3)
		INSERT INTO takes SELECT ?1, i, ?2 + 1000*(i-?3), ?2 + 1000*(i-?3) + ?4, 'letter-' || i FROM n`
	if _, err := s.soft.db.Exec(taken, bucket, s.o.Now().UnixNano(), n, int64(24*time.Hour)); err != nil {
		t.Fatal(err)
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
