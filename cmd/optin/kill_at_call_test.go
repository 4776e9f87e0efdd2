package main

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

// What was acknowledged is kept, at whichever call of the system the program or its server was killed: between the
// writing of a record and its sync, between the sync and the response, between an email and the note that it left.
func TestAProgramKilledAtAnyCallLosesNothing(t *testing.T) {
	times := 4
	if isSoak() {
		times = 1700
	}
	needTracer(t)
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
		survives(t, e, times, e.programKilledAt("pwrite64", "fsync,fdatasync", "write", "read"))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t, redisServer(t).url())
		survives(t, e, times, e.programKilledAt("write", "read"))
	})
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		server := redisServer(t)
		survives(t, newEnv(t, server.url()), times, func(l *load, p *process, moments *rand.Rand) *process {
			l.waitForSome(p)
			gone := make(chan struct{})
			go func() { _ = server.cmd.Wait(); close(gone) }()
			killAtCall(l, server.cmd.Process.Pid, gone, moments, "write", "fdatasync")
			server.start()
			return p
		})
	})
}

// programKilledAt kills the program at a call of one of these kinds, and starts it again.
func (e *env) programKilledAt(kinds ...string) func(l *load, p *process, moments *rand.Rand) *process {
	return func(l *load, p *process, moments *rand.Rand) *process {
		l.waitForSome(p)
		killAtCall(l, p.cmd.Process.Pid, p.done, moments, kinds...)
		return e.launch(e.listen)
	}
}

// waitForSome waits until a program has answered some more signups and confirmations, so that there is a load.
func (l *load) waitForSome(p *process) {
	signups, confirmations := len(l.accepted.keys())+5, len(l.confirmed.keys())+2
	l.env.actor(l.env.listen).eventually("load", func() bool {
		select {
		case <-p.done:
			l.t.Fatal("the program ended by itself")
		default:
		}
		return len(l.accepted.keys()) >= signups && len(l.confirmed.keys()) >= confirmations
	})
}

// killAtCall kills a process as it makes some call of one of these kinds: the first of a thread, or its twentieth.
func killAtCall(l *load, pid int, gone <-chan struct{}, moments *rand.Rand, kinds ...string) {
	kind, nth := kinds[moments.IntN(len(kinds))], strconv.Itoa(1+moments.IntN(20))
	cmd := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", "-p", strconv.Itoa(pid),
		"-e", "trace="+kind, "-e", "inject="+kind+":signal=SIGKILL:when="+nth)
	var said bytes.Buffer
	cmd.Stderr = &said
	childtest.DieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	select {
	case <-gone:
		l.killedAt[kind]++
	case <-time.After(5 * time.Second): // it makes no such call
		_ = exec.Command("kill", "-KILL", strconv.Itoa(pid)).Run()
		<-gone
	}
	if err := cmd.Wait(); err != nil && said.Len() > 0 {
		l.t.Errorf("strace: %v: %s", err, said.String())
	}
}

// needTracer skips the test where one process may not trace another.
func needTracer(t *testing.T) {
	t.Helper()
	childtest.Need(t, "strace")
	if said, err := exec.Command("strace", "-qq", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("no process may be traced here: %v: %s", err, said)
	}
}
