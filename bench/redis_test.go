package bench

import (
	"net"
	"os/exec"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/internal/childtest"
)

// redisChild is a redis-server for one benchmark, with appendfsync always.
type redisChild struct {
	addr   string
	client *goredis.Client // with as many connections as there are callers
}

func redisServer(b *testing.B) *redisChild {
	b.Helper()
	childtest.Need(b, "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	r := &redisChild{addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(r.addr)
	must(b, l.Close())
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", b.TempDir(), "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
		"--auto-aof-rewrite-percentage", "0")
	childtest.DieWithParent(cmd)
	must(b, cmd.Start())
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	r.client = goredis.NewClient(&goredis.Options{Addr: r.addr, PoolSize: callers, DisableIdentity: true})
	b.Cleanup(func() { _ = r.client.Close() })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); r.client.Ping(b.Context()).Err() != nil; <-tick.C {
		if time.Now().After(end) {
			b.Fatal("redis-server does not answer")
		}
	}
	return r
}

// fsync sets appendfsync: always, everysec or no.
func (r *redisChild) fsync(b *testing.B, when string) {
	b.Helper()
	must(b, r.client.ConfigSet(b.Context(), "appendfsync", when).Err())
}
