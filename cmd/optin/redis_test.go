package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

// redisChild is a redis-server for one test, configured as in docker-compose.yml: it loses nothing that it
// acknowledged.
type redisChild struct {
	t    *testing.T
	addr string
	dir  string
	args []string // beside those of every server
	cmd  *exec.Cmd
}

func redisServer(t *testing.T, args ...string) *redisChild {
	t.Helper()
	childtest.Need(t, "redis-server")
	r := &redisChild{t: t, addr: childtest.FreeAddr(t), dir: lastingDir(t), args: args}
	r.start()
	t.Cleanup(r.kill)
	return r
}

// lastingDir returns a folder that is removed once nobody writes into it any more: a killed server may leave a child
// that rewrites its file.
func lastingDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "optin-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(10 * time.Second); os.RemoveAll(dir) != nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s cannot be removed", dir)
				return
			}
		}
	})
	return dir
}

func (r *redisChild) url() string { return "redis://" + r.addr + "/0" }

func (r *redisChild) start() {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd = exec.Command("redis-server", append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
	}, r.args...)...)
	var said childtest.Buffer
	r.cmd.Stdout = &said
	childtest.DieWithParent(r.cmd)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); r.ask("PING") != "+PONG\r\n"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("redis-server does not answer: %s", said.String())
		}
	}
}

func (r *redisChild) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// ask sends one inline command and returns the first part of the reply.
func (r *redisChild) ask(command string) string {
	c, err := net.DialTimeout("tcp", r.addr, time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "%s\r\n", command)
	b := make([]byte, 64<<10)
	n, _ := c.Read(b)
	return string(b[:n])
}
