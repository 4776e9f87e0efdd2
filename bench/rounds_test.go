package bench

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	turns   = 5  // of a thing and its floor, one after the other
	callers = 64 // at once
)

// median is the middle one of some figures.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// crowd calls f for each of n numbers, so many callers at once, and tells how long it took. The first error ends it.
func crowd(b *testing.B, n, at int, f func(i int) error) time.Duration {
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

// rate is how often in a second.
func rate(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// tell reports figures, and not how long the whole took: that says nothing.
func tell(b *testing.B, figures map[string][]float64) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for unit, f := range figures {
		b.ReportMetric(median(f), unit)
	}
}
