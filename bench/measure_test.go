package bench

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	rounds  = 5  // of a measurement and its floor, alternating
	callers = 64 // concurrent
)

// median returns the middle one of some figures.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// concurrently calls f for each of n numbers, with that many concurrent callers, and returns how long it took. The
// first error ends it.
func concurrently(b *testing.B, n, at int, f func(i int) error) time.Duration {
	b.Helper()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for range at {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return took
}

// rate returns how often per second.
func rate(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// report reports figures, and not the time of the whole, which means nothing.
func report(b *testing.B, figures map[string][]float64) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for unit, f := range figures {
		b.ReportMetric(median(f), unit)
	}
}
