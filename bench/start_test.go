package bench

import "testing"

// TestTheMeasuredServiceStarts keeps `make bench` from breaking unnoticed: what it measures is made here as there.
func TestTheMeasuredServiceStarts(t *testing.T) {
	made := testing.Benchmark(func(b *testing.B) {
		ring := newRing(b)
		st := openSQLite(b, newFile(b))
		newAPI(b, st, ring)
		must(b, signUp(b, newService(b, st, ring), "ada@example.org"))
	})
	if made.N == 0 {
		t.Error("the service that is measured does not start")
	}
}
