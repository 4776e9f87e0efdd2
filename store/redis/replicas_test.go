package redis

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// startReplica starts a server that follows a master, and waits until it is up to date.
func startReplica(t *testing.T, master *server) *server {
	t.Helper()
	s := startServer(t)
	if err := s.client().ReplicaOf(t.Context(), "127.0.0.1", master.port).Err(); err != nil {
		t.Fatal(err)
	}
	poll(t, "the replica is up to date", func() bool {
		return strings.Contains(s.client().Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	return s
}

// pause stops a server as a machine that hangs does; its connections stay. The function that it returns lets it go on.
func (s *server) pause() (goOn func()) {
	s.t.Helper()
	signal := func(is syscall.Signal) {
		if err := s.command.Process.Signal(is); err != nil {
			s.t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

func TestWhatNoReplicaHasIsNotAcknowledged(t *testing.T) {
	master := startServer(t)
	replica := startReplica(t, master)
	p := startProxy(t, master.addr())
	s := open(t, Options{Location: at("redis://" + p.addr + "?replicas=1")})
	poll(t, "the replica keeps up", func() bool { // on a busy machine it may take longer than a change waits for it
		return s.Update(t.Context(), key(1), putting(&store.Record{State: "pending"}, email("a"))) == nil
	})
	sum := sha256.Sum256([]byte("text"))
	master.set("min-replicas-to-write", "1")
	goOn := replica.pause()

	for _, row := range []struct {
		name string
		act  func() error
	}{
		{"a change whose first reply is lost", func() error {
			p.lose.Store(1)
			return s.Update(t.Context(), key(3), putting(&store.Record{State: "pending"}))
		}},
		{"a change", func() error { return s.Update(t.Context(), key(2), putting(&store.Record{State: "pending"})) }},
		{"an erasure", func() error { return s.Update(t.Context(), key(1), erasing) }},
		{"a lease", func() error {
			_, err := s.Lease(t.Context(), "email", 1, time.Minute)
			return err
		}},
		{"a text", func() error { return s.PutText(t.Context(), hex.EncodeToString(sum[:]), []byte("text")) }},
		{"a cell", func() error {
			_, err := s.SetNX(t.Context(), "cell", []byte("value"), time.Minute)
			return err
		}},
	} {
		began := time.Now()
		if err := row.act(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", row.name, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s took %v", row.name, took)
		}
	}
	if p.lost.Load() == 0 {
		t.Error("no reply was lost")
	}
	if _, err := s.Find(t.Context(), key(1)); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reading waits for nobody: %v", err)
	}
	wantNotReady(t, s, "the number of replicas")
	goOn()
	poll(t, "changes are acknowledged again", func() bool {
		return s.Update(t.Context(), key(4), putting(&store.Record{State: "pending"})) == nil
	})
	if _, err := open(t, Options{Location: at("redis://" + replica.addr())}).Find(t.Context(), key(4)); err != nil {
		t.Errorf("what was acknowledged is not on the replica: %v", err)
	}
}

func wantNotReady(t *testing.T, s *Store, setting string) {
	t.Helper()
	var u *store.UnsafeError
	if err := s.Ready(t.Context()); !errors.As(err, &u) || u.Setting != setting || u.Fix == "" {
		t.Errorf("ready: %v, want %s", err, setting)
	}
}

func TestAServerThatAFailoverMayLoseFromIsUnfit(t *testing.T) {
	master := startServer(t)
	s := open(t, Options{Location: at(master.url() + "?replicas=1")})
	safe := func() {
		master.set("min-replicas-to-write", "1")
		master.set("min-replicas-max-lag", "10")
	}
	wantNotReady(t, s, "min-replicas-to-write")
	safe()
	wantNotReady(t, s, "the number of replicas")
	startReplica(t, master)
	poll(t, "it is fit with its replica", func() bool { return s.Ready(t.Context()) == nil })
	for _, row := range [][2]string{
		{"min-replicas-to-write", "0"}, {"min-replicas-max-lag", "0"}, {"min-replicas-max-lag", "11"},
	} {
		safe()
		master.set(row[0], row[1])
		wantNotReady(t, s, row[0])
	}
	if err := open(t, Options{Location: at(master.url())}).Ready(t.Context()); err != nil {
		t.Errorf("a server alone is asked for replicas: %v", err)
	}
	reader := open(t, Options{Location: at(master.url() + "?replicas=1"), ReadOnly: true})
	wantNotReady(t, reader, "min-replicas-max-lag")
	two := open(t, Options{Location: at(master.url() + "?replicas=2")})
	wantNotReady(t, two, "min-replicas-to-write")
}
