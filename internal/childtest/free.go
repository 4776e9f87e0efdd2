package childtest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports are handed out one after the other from a start by chance, so that no two tests of a process get the same. They
// are below those of outgoing connections (from 32768 or 49152 on), so that none of these can take the port of a server
// that has been killed, or connect to itself.
const (
	firstPort = 10_000
	ports     = 20_000
)

var (
	start  = rand.Uint32N(ports)
	handed atomic.Uint32
)

// FreeAddr returns an address of this machine at which nobody listens.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int((start+handed.Add(1))%ports)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// FreePort returns the port of FreeAddr.
func FreePort(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
