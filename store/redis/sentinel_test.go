package redis

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
)

// startSentinel starts a Sentinel that watches a master under the name "main", and returns its address.
func startSentinel(t *testing.T, master *server) string {
	t.Helper()
	port, file := childtest.FreePort(t), filepath.Join(t.TempDir(), "sentinel.conf")
	lines := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n", port, master.port)
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("redis-server", file, "--sentinel")
	childtest.DieWithParent(child)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	return "127.0.0.1:" + port
}

func TestAfterAFailoverTheNewMasterIsFound(t *testing.T) {
	master := startServer(t)
	replicas := []*server{startReplica(t, master), startReplica(t, master)}
	for _, one := range append(replicas, master) {
		one.set("min-replicas-to-write", "1")
	}
	sentinel := startSentinel(t, master)
	watcher := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel, DisableIdentity: true})
	t.Cleanup(func() { _ = watcher.Close() })
	poll(t, "the Sentinel knows the replicas", func() bool {
		known, _ := watcher.Replicas(t.Context(), "main").Result()
		return len(known) == len(replicas)
	})

	poll(t, "both replicas have all", func() bool {
		return strings.Count(master.client().Info(t.Context(), "replication").Val(), "state=online") == len(replicas)
	})

	s := open(t, Options{Location: at("redis+sentinel://" + sentinel + "/main")})
	poll(t, "a replica has it too", func() bool { // at once only if this machine is quick
		return s.Update(t.Context(), key(1), putting(&store.Record{State: "pending"}, email("a"))) == nil
	})
	if n := master.client().DBSize(t.Context()).Val(); n == 0 {
		t.Error("the master holds nothing")
	}
	// A replica that has just come is sent nothing before it has reported, and might be the new master.
	conn := master.client().Conn()
	t.Cleanup(func() { _ = conn.Close() })
	poll(t, "both replicas have it", func() bool {
		conn.Set(t.Context(), "written", "", time.Minute)
		return conn.Wait(t.Context(), len(replicas), time.Second).Val() == int64(len(replicas))
	})
	master.kill()
	poll(t, "the new master is written to", func() bool {
		return s.Update(t.Context(), key(2), putting(&store.Record{State: "pending"})) == nil
	})
	if _, err := s.Find(t.Context(), key(1)); err != nil {
		t.Error(err)
	}
	poll(t, "it is fit", func() bool { return s.Ready(t.Context()) == nil })
}
