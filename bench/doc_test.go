// Package bench measures.
package bench

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv("OPTIN_BENCH_FLOORS"); addr != "" {
		fmt.Fprintln(os.Stderr, serveFloors(addr))
		os.Exit(1)
	}
	os.Exit(m.Run())
}
