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
			_, err := s.Take(b.Context(), fmt.Sprint(n.Add(1)%1000), "", store.Limit{N: 3, Per: time.Minute})
			if err != nil {
				b.Error(err)
			}
		}
	})
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
