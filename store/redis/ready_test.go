package redis

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/optin/optin/store"
)

func TestReadyNamesTheUnsafeSetting(t *testing.T) {
	server := startServer(t)
	stores := map[store.Durability]*Store{}
	for _, d := range []store.Durability{store.DurabilityAlways, store.DurabilityEverySec, store.DurabilityNone} {
		stores[d] = open(t, Options{Location: at(server.url() + "?durability=" + string(d))})
	}
	all := []store.Durability{store.DurabilityAlways, store.DurabilityEverySec, store.DurabilityNone}
	rows := []struct {
		setting, value, good string
		unsafe               []store.Durability // for these, and for no other
	}{
		{"maxmemory-policy", "allkeys-lru", "noeviction", all},
		{"maxmemory-policy", "volatile-ttl", "noeviction", all},
		{"appendonly", "no", "yes", []store.Durability{store.DurabilityAlways, store.DurabilityEverySec}},
		{"appendfsync", "everysec", "always", []store.Durability{store.DurabilityAlways}},
		{"appendfsync", "no", "always", []store.Durability{store.DurabilityAlways, store.DurabilityEverySec}},
		{"no-appendfsync-on-rewrite", "yes", "no", []store.Durability{store.DurabilityAlways}},
	}
	for _, row := range rows {
		t.Run(row.setting+" "+row.value, func(t *testing.T) {
			for d, s := range stores {
				if err := s.Ready(t.Context()); err != nil {
					t.Fatalf("%s, all in order: %v", d, err)
				}
			}
			server.set(row.setting, row.value)
			defer server.set(row.setting, row.good)
			for d, s := range stores {
				expectUnsafe(t, s.Ready(t.Context()), d, row.setting, row.value, row.unsafe)
			}
		})
	}
}

func expectUnsafe(t *testing.T, err error, d store.Durability, setting, value string, unsafe []store.Durability) {
	t.Helper()
	var u *store.UnsafeError
	for _, one := range unsafe {
		if one != d {
			continue
		}
		if !errors.As(err, &u) || u.Setting != setting || u.Have != value {
			t.Errorf("%s gave %v, want %s", d, err, setting)
		} else if fix := setting + " " + u.Want; strings.Count(u.Fix, fix) != 2 ||
			!strings.Contains(u.Fix, "CONFIG SET "+fix) {
			t.Errorf("%s: the fix is %q", d, u.Fix)
		}
		return
	}
	if err != nil {
		t.Errorf("%s gave %v, want nil", d, err)
	}
}

func TestAServerThatTakesNoWritesIsNotReady(t *testing.T) {
	server := startServer(t)
	s := open(t, Options{Location: at(server.url())})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.set("maxmemory", "1") // full, and nothing is evicted
	if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("full: %v, want ErrUnavailable", err)
	}
	server.set("maxmemory", "0")
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestAReplicaIsUnsafe(t *testing.T) {
	master, replica := startServer(t), startServer(t)
	s := open(t, Options{Location: at(replica.url())})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := replica.client().ReplicaOf(t.Context(), "127.0.0.1", master.port).Err(); err != nil {
		t.Fatal(err)
	}
	var u *store.UnsafeError
	poll(t, "Ready names the role", func() bool {
		return errors.As(s.Ready(t.Context()), &u) && u.Setting == "role" && u.Have == "replica"
	})
}

func TestEveryMasterOfAClusterIsAsked(t *testing.T) {
	url, servers := startCluster(t)
	s := open(t, Options{Location: at(url)})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, one := range servers {
		one.set("appendfsync", "everysec")
		var u *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &u) || u.Setting != "appendfsync" ||
			!strings.Contains(u.Have, one.addr()) {
			t.Errorf("Ready gave %v, want appendfsync on %s", err, one.addr())
		}
		one.set("appendfsync", "always")
	}
}

func TestWhereCONFIGIsRefusedItIsLoggedOnce(t *testing.T) {
	server := startServer(t)
	c := server.client()
	if err := c.Do(t.Context(), "acl", "setuser", "default", "-config").Err(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := open(t, Options{Location: at(server.url()), Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("Ready gave %v", err)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "CONFIG") {
		t.Errorf("%d lines in the log, want one about CONFIG:\n%s", lines, log.String())
	}
}

func TestAnEvictingServerIsSeenEvenWhereCONFIGIsRefused(t *testing.T) {
	server := startServer(t, "--maxmemory-policy", "allkeys-lru", "--rename-command", "CONFIG", "")
	var u *store.UnsafeError
	if err := open(t, Options{Location: at(server.url())}).Ready(t.Context()); !errors.As(err, &u) ||
		u.Setting != "maxmemory-policy" {
		t.Errorf("Ready gave %v", err)
	}
}
