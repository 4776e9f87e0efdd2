package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/inbox"
)

// side is a machine of its own, as far as the network goes: a network namespace. The test reaches it by one pair of
// interfaces, and the other side reaches it by another, which can be cut.
type side struct {
	t     *testing.T
	name  string // of the namespace
	near  string // the address at which it reaches the test
	mgmt  string // the address at which the test reaches it
	inner string // the address at which the other side reaches it
}

// ip runs iproute2.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// inOwnNetwork reports whether the test runs in a network of its own, a namespace. If it does not, it is run again in
// one, and has ended when inOwnNetwork returns: what the test does to its network is no other test's then. Chromium
// gives up what it asks for whenever an interface of the machine comes or goes.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	childtest.Need(t, "ip")
	if os.Getenv("OPTIN_TEST_NETWORK") == "own" {
		must(t, ip("link", "set", "lo", "up"))
		return true
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "OPTIN_TEST_NETWORK=own")
	childtest.DieWithParent(again)
	again.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	out, err := again.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skipf("this process may make no network namespaces, which needs root: %v", err)
	case err != nil:
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
	t.Logf("in a network of its own:\n%s", out)
	return false
}

// newSides makes two machines, in a test that is in a network of its own.
func newSides(t *testing.T) (a, b *side) {
	t.Helper()
	id := os.Getpid() % 10_000
	sides := []*side{{t: t}, {t: t}}
	for i, s := range sides {
		s.name = fmt.Sprintf("optin%d%c", id, 'a'+i)
		net := fmt.Sprintf("10.%d.%d", 100+id%100, id/100%100)
		s.near, s.mgmt, s.inner = fmt.Sprintf("%s.%d", net, 4*i+1), fmt.Sprintf("%s.%d", net, 4*i+2),
			fmt.Sprintf("%s.%d", net, 129+i)
		must(t, ip("netns", "add", s.name))
		t.Cleanup(func() { _ = ip("netns", "del", s.name) })
		outer, inner := s.name+"m", s.name+"n"
		t.Cleanup(func() { _ = ip("link", "del", outer) }) // the namespace would take it along, later
		for _, args := range []string{
			"link add " + outer + " type veth peer name " + inner + " netns " + s.name,
			"addr add " + s.near + "/30 dev " + outer, "link set " + outer + " up",
			"-n " + s.name + " addr add " + s.mgmt + "/30 dev " + inner, "-n " + s.name + " link set " + inner + " up",
			"-n " + s.name + " link set lo up",
		} {
			must(t, ip(strings.Fields(args)...))
		}
	}
	a, b = sides[0], sides[1]
	for _, args := range []string{
		"-n " + a.name + " link add between type veth peer name between netns " + b.name,
		"-n " + a.name + " addr add " + a.inner + "/25 dev between",
		"-n " + b.name + " addr add " + b.inner + "/25 dev between",
	} {
		must(t, ip(strings.Fields(args)...))
	}
	connect(a, b, true)
	return a, b
}

// connect lets two sides reach each other, or not.
func connect(a, b *side, up bool) {
	a.t.Helper()
	state := map[bool]string{true: "up", false: "down"}[up]
	for _, s := range []*side{a, b} {
		must(s.t, ip("-n", s.name, "link", "set", "between", state))
	}
}

// spawnOn starts optin on a side, on the same servers as the other.
func (s *side) spawnOn(e env, store, relayPort string) (*process, *actor) {
	s.t.Helper()
	e.configPath = filepath.Join(s.t.TempDir(), "optin.yaml")
	e.store, e.relayAddr = store, net.JoinHostPort(s.near, relayPort)
	listen := s.mgmt + ":8080"
	e.write(listen)
	serve := []string{"OPTIN_TEST_MAIN=serve", "OPTIN_TEST_LEASE=0s", "OPTIN_TEST_FINISH=0s"}
	p := child(s.t, serve, "ip", "netns", "exec", s.name, os.Args[0], "serve", "-config", e.configPath)
	a := e.actor(listen)
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	return p, a
}

// run starts a program on a side.
func (s *side) run(args ...string) {
	s.t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.name}, args...)...)
	childtest.DieWithParent(cmd)
	must(s.t, cmd.Start())
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// redis starts a server that follows the master, if it is not that, as operations.md says.
func (s *side) redis(port, master string) {
	s.t.Helper()
	args := []string{"redis-server", "--port", port, "--bind", "0.0.0.0", "--protected-mode", "no",
		"--dir", s.t.TempDir(), "--save", "", "--appendonly", "yes", "--appendfsync", "always",
		"--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "10",
		"--replica-announce-ip", s.inner, "--repl-timeout", "10"}
	if master != "" {
		args = append(args, "--replicaof", master, "6379")
	}
	s.run(args...)
}

// sentinel starts a Sentinel that watches the master.
func (s *side) sentinel(port, master string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "sentinel.conf")
	must(s.t, os.WriteFile(file, fmt.Appendf(nil, "port %s\nbind 0.0.0.0\nprotected-mode no\nsentinel announce-ip %s\n"+
		"sentinel monitor main %s 6379 2\nsentinel down-after-milliseconds main 500\n"+
		"sentinel failover-timeout main 3000\n", port, s.inner, master), 0o600))
	s.run("redis-server", file, "--sentinel")
}

// acknowledged is what the sides of a partition have acknowledged.
type acknowledged struct {
	sync.Mutex
	signups, confirmations map[string]string // by address: the side
	refused                map[string]int    // by side
}

func (k *acknowledged) note(in map[string]string, email, side string) {
	k.Lock()
	defer k.Unlock()
	in[email] = side
}

func (k *acknowledged) count(side string) (signups, refused int) {
	k.Lock()
	defer k.Unlock()
	for _, by := range k.signups {
		if by == side {
			signups++
		}
	}
	return signups, k.refused[side]
}

// write signs people up on a side, and confirms what comes to the inbox, until done is closed.
func (k *acknowledged) write(s *side, a *actor, done <-chan struct{}) {
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				email := fmt.Sprintf("%s.%d.%d@reader%d.example", s.name, n, i, i%40)
				if code, err := a.trySignUp(email); err == nil && code == http.StatusAccepted {
					k.note(k.signups, email, s.name)
				} else {
					k.Lock()
					k.refused[s.name]++
					k.Unlock()
				}
			}
		})
	}
	all.Go(func() {
		for tried := map[string]bool{}; ; time.Sleep(20 * time.Millisecond) {
			for _, m := range a.mail.Messages() {
				select {
				case <-done:
					return
				default:
				}
				if to := m.To[0]; !tried[to] && strings.HasPrefix(to, s.name) {
					tried[to] = true
					if code, _, err := a.tryConfirm(confirmLink(m)); err == nil && code == http.StatusOK {
						k.note(k.confirmations, to, s.name)
					}
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	all.Wait()
}

// A master that is cut off from the majority is replaced, and what it took until it noticed is thrown away as it comes
// back: so it must have acknowledged nothing of that.
func TestAPartitionLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	childtest.Need(t, "redis-server")
	if !inOwnNetwork(t) {
		return
	}
	for range size(1, 100) {
		partition(t)
	}
}

// startServers starts a master and a Sentinel on one side, two replicas and two Sentinels on the other, and waits until
// they know each other.
func startServers(minority, majority *side) {
	minority.t.Helper()
	minority.redis("6379", "")
	majority.redis("6379", minority.inner)
	majority.redis("6380", minority.inner)
	minority.eventually(minority.mgmt+":6379", "INFO replication", "connected_slaves:2")
	sentinels := map[string]*side{minority.mgmt + ":26379": minority, majority.mgmt + ":26379": majority,
		majority.mgmt + ":26380": majority}
	for at, s := range sentinels {
		_, port, _ := strings.Cut(at, ":")
		s.sentinel(port, minority.inner)
	}
	for at, s := range sentinels {
		s.eventually(at, "SENTINEL MASTER main", "num-slaves\r\n$1\r\n2\r\n", "num-other-sentinels\r\n$1\r\n2\r\n")
	}
}

// eventually asks a server until its reply has all that is wanted.
func (s *side) eventually(addr, command string, want ...string) {
	s.t.Helper()
	(&actor{t: s.t}).eventually(addr+" replies to "+command, func() bool {
		reply := (&redisChild{t: s.t, addr: addr}).ask(command)
		return !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(reply, w) })
	})
}

// partition cuts a master and a client off from two replicas and another client, for five seconds.
func partition(t *testing.T) {
	t.Helper()
	t.Run("", func(t *testing.T) {
		minority, majority := newSides(t)
		startServers(minority, majority)
		e := newEnv(t, "")
		mail, err := inbox.Open("0.0.0.0:0")
		must(t, err)
		t.Cleanup(func() { mail.Close() })
		e.mail = mail
		_, port, err := net.SplitHostPort(mail.Addr())
		must(t, err)
		store := fmt.Sprintf("redis+sentinel://%s:26379,%s:26379,%s:26380/main", minority.inner, majority.inner,
			majority.inner)
		_, few := minority.spawnOn(*e, store, port)
		_, many := majority.spawnOn(*e, store, port)

		k := &acknowledged{
			signups: map[string]string{}, confirmations: map[string]string{}, refused: map[string]int{},
		}
		done := make(chan struct{})
		var writers sync.WaitGroup
		writers.Go(func() { k.write(minority, few, done) })
		writers.Go(func() { k.write(majority, many, done) })
		connect(minority, majority, false)
		before, _ := k.count(majority.name)
		time.Sleep(5 * time.Second)
		during, _ := k.count(majority.name)
		_, refused := k.count(minority.name)
		connect(minority, majority, true)
		few.eventually("the side that was cut off is ready",
			func() bool { return few.status("/readyz") == http.StatusOK })
		time.Sleep(time.Second)
		close(done)
		writers.Wait()
		if during == before || refused == 0 {
			t.Errorf("meanwhile %d signups were acknowledged where the majority was, and %d refused elsewhere",
				during-before, refused)
		}
		lost := map[string]int{}
		for email, by := range k.signups {
			if many.Lookup(email).State == "" {
				lost["signups of "+by]++
			}
		}
		for email, by := range k.confirmations {
			if many.Lookup(email).State != "confirmed" {
				lost["confirmations of "+by]++
			}
		}
		if len(lost) > 0 {
			t.Errorf("lost are %v", lost)
		}
		t.Logf("%d signups and %d confirmations were acknowledged, %d signups of a new master", len(k.signups),
			len(k.confirmations), during-before)
	})
}
