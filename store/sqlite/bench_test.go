package sqlite

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// signup returns the change of one signup: the whole of what it commits.
func signup(n int64, now time.Time) store.Change {
	id := fmt.Sprintf("email-%d", n)
	return store.Change{
		Put: &store.Record{
			State: "pending", Created: now, Data: make([]byte, 400),
			Timer: now.Add(24 * time.Hour), Expires: now.Add(14 * 24 * time.Hour),
		},
		Enqueue: []store.Job{{
			ID: id, Queue: store.QueueName(fmt.Sprintf("email/%d", n%16)), Body: make([]byte, 60),
			Reserve: []store.Bucket{mailboxOf(n)},
		}},
		Count: []store.Count{
			{At: day("2026-11-30"), Name: "signup", N: 1},
			{At: day("2026-11-30"), Name: "pending", N: 1},
			{At: day("2026-11-30"), Name: "signup", By: "purpose", Of: "newsletter", N: 1},
		},
		Acquire: &store.Acquisition{Buckets: []store.Bucket{
			{Name: fmt.Sprintf("ip/%022d", n), Limits: []store.Limit{{N: 10, Per: time.Minute}}},
			{Name: fmt.Sprintf("network/%022d", n/4), Limits: []store.Limit{{N: 100, Per: time.Minute}}},
			{Name: "site/gazette", Limits: []store.Limit{{N: 10_000_000, Per: time.Hour}}},
			{Name: "service", Limits: []store.Limit{{N: 50_000_000, Per: time.Hour}}},
		}},
	}
}

// mailboxOf returns the bucket of a mailbox, with the default limits.
func mailboxOf(n int64) store.Bucket {
	return store.Bucket{Name: fmt.Sprintf("mailbox/%022d", n), Tag: "gazette", Limits: []store.Limit{
		{N: 1, Per: 10 * time.Minute, Tagged: true}, {N: 3, Per: 24 * time.Hour, Tagged: true},
		{N: 20, Per: 24 * time.Hour},
	}}
}

// hashed returns a key like those of real records: their IDs are hashes.
func hashed(n int64) store.Key {
	return store.Key{Site: "gazette", ID: fmt.Sprintf("%011x%011x", uint64(n)*0x9e3779b97f4a7c15>>20, n)}
}

// BenchmarkSignup is one commit of a signup: by 64 callers at once, served together by one transaction, and by one.
func BenchmarkSignup(b *testing.B) {
	for name, callers := range map[string]int{"grouped": 64, "alone": 1} {
		b.Run(name, func(b *testing.B) {
			s := openBench(b)
			var n atomic.Int64
			b.ReportAllocs()
			work := make(chan int64, callers)
			done := make(chan error, callers)
			for range callers {
				go func() {
					for i := range work {
						c := signup(i, time.Now())
						done <- s.Update(b.Context(), hashed(i),
							func(store.Record) (store.Change, error) { return c, nil })
					}
				}()
			}
			defer close(work)
			waiting := 0
			began := cpu()
			for b.Loop() {
				if waiting == callers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
					waiting--
				}
				work <- n.Add(1)
				waiting++
			}
			b.ReportMetric(float64(cpu()-began)/1e3/float64(b.N), "cpu-us/op")
			for ; waiting > 0; waiting-- {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is one row in one transaction, and in a transaction of 64: what no store on this driver can beat.
func BenchmarkFloor(b *testing.B) {
	for name, size := range map[string]int{"grouped": 64, "alone": 1} {
		b.Run(name, func(b *testing.B) {
			c, err := connect(b.Context(), filepath.Join(b.TempDir(), "floor.db"), syncFull, writing)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			if _, err := c.exec("CREATE TABLE rows (n INTEGER PRIMARY KEY, data BLOB)"); err != nil {
				b.Fatal(err)
			}
			data := make([]byte, 400)
			in := 0
			began := cpu()
			for b.Loop() {
				if in == 0 {
					_, err = c.exec(beginImmediate)
				}
				if err == nil {
					_, err = c.exec("INSERT INTO rows (data) VALUES (?)", data)
				}
				if in++; in == size && err == nil {
					in = 0
					_, err = c.exec(commitAll)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu()-began)/1e3/float64(b.N), "cpu-us/op")
		})
	}
}

func BenchmarkAcquire(b *testing.B) {
	s := openBench(b)
	var n atomic.Int64
	b.ReportAllocs()
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

func BenchmarkRunNowTenThousand(b *testing.B) {
	const n = 10_000
	s := openBench(b)
	later := time.Now().Add(time.Hour)
	err := s.Update(b.Context(), hashed(1), func(store.Record) (store.Change, error) {
		c := store.Change{Put: &store.Record{}}
		for i := range n {
			due := later.Add(time.Duration(i) * time.Millisecond)
			c.Enqueue = append(c.Enqueue, store.Job{
				ID: fmt.Sprint("email-", i), Queue: "email", Due: due, Body: make([]byte, 500),
			})
		}
		return c, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := s.RunNow(b.Context(), "email", 1e9); got != n || err != nil {
			b.Fatal(got, err)
		}
		b.StopTimer()
		if _, err := s.conns[0].exec("UPDATE jobs SET available = ? + seq", later.UnixMilli()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// cpu returns the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "optin.db"), Deadline: time.Minute})
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
