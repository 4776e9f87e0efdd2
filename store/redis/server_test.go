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

// server is a redis-server process that dies with its test.
type server struct {
	t       testing.TB
	port    string
	args    []string
	dir     string
	command *exec.Cmd
	exited  chan struct{}
}

// startServer starts a server that keeps what it acknowledges; args are appended to its command line.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	childtest.Need(t, "redis-server")
	s := &server{t: t, port: childtest.FreePort(t), dir: t.TempDir(), args: args}
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	args := append([]string{
		"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "yes",
		"--appendfsync", "always", "--logfile", filepath.Join(s.dir, "log"), "--daemonize", "no",
		"--repl-diskless-sync-delay", "0",
	}, s.args...)
	s.command = exec.Command("redis-server", args...)
	childtest.DieWithParent(s.command)
	if err := s.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func(c *exec.Cmd, exited chan struct{}) { _ = c.Wait(); close(exited) }(s.command, s.exited)
	c := s.client()
	poll(s.t, "redis-server answers PING", func() bool {
		select {
		case <-s.exited:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("redis-server ended: %s", log)
		default:
		}
		err := c.Ping(s.t.Context()).Err()
		return err == nil || replied(err) && !isTemporary(err)
	})
}

// kill ends the process at once (SIGKILL).
func (s *server) kill() {
	if s.command != nil {
		_ = s.command.Process.Kill()
		<-s.exited
	}
}

func (s *server) addr() string { return "127.0.0.1:" + s.port }

// at parses a location, as the configuration does.
func at(url string) store.Location {
	l, err := store.ParseLocation(url)
	if err != nil {
		panic(err)
	}
	return l
}

func (s *server) url() string { return "redis://" + s.addr() }

// client returns a client that looks into the server past the store.
func (s *server) client() *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: s.addr(), DisableIdentity: true})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// set changes a setting at run time.
func (s *server) set(name, value string) {
	s.t.Helper()
	if err := s.client().ConfigSet(s.t.Context(), name, value).Err(); err != nil {
		s.t.Fatalf("CONFIG SET %s %s: %v", name, value, err)
	}
}

// startCluster makes a Cluster of three masters and returns its URL and its servers.
func startCluster(t *testing.T) (string, []*server) {
	t.Helper()
	childtest.Need(t, "redis-cli")
	var servers []*server
	create := []string{"--cluster", "create"}
	var addrs []string
	for range 3 {
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-port", childtest.FreePort(t),
			"--cluster-node-timeout", "2000")
		servers, addrs = append(servers, s), append(addrs, s.addr())
	}
	create = append(append(create, addrs...), "--cluster-replicas", "0", "--cluster-yes")
	if out, err := exec.Command("redis-cli", create...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	for _, s := range servers {
		waitForCluster(t, s)
	}
	return "redis+cluster://" + strings.Join(addrs, ","), servers
}

func waitForCluster(t testing.TB, s *server) {
	t.Helper()
	c := s.client()
	poll(t, "the cluster is whole", func() bool {
		return strings.Contains(c.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
}

// patient opens a store with a long budget, because the machine may be busy, for tests of something else than time.
func patient(t *testing.T, o Options) *Store {
	t.Helper()
	o.Budget = 10 * time.Second
	return open(t, o)
}

// open opens a store that is closed with the test.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// poll waits until done, at most ten seconds.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal(fmt.Sprint("after ten seconds it is not so that ", what))
		}
	}
}
