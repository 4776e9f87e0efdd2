package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// signUp commits what a signup does.
func signUp(t *testing.T, s *Store, n int) error {
	t.Helper()
	now := time.Now()
	return s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "pending", Created: now, Timer: now.Add(time.Hour), Data: []byte("data")},
			Enqueue: []store.Job{email(key(n).ID)}, Count: []store.Count{{At: now, Name: "signups", N: 1}},
			Acquire: &store.Acquisition{Buckets: []store.Bucket{{
				Name: "of the site", Limits: []store.Limit{{N: 1000, Per: time.Hour}},
			}}},
		}, nil
	})
}

// A key of another type, as of another program in the same database, fails every signup that needs it: the store is not
// ready, and says which key that is.
func TestAKeyOfAnotherTypeIsUnsafe(t *testing.T) {
	server := startServer(t, "--appendonly", "no") // it is emptied for each key
	s := patient(t, Options{Location: at(server.url() + "?durability=none")})
	redis := server.client()
	if err := signUp(t, s, 1); err != nil {
		t.Fatal(err)
	}
	keys := redis.Keys(t.Context(), "o*").Val()
	if len(keys) < 12 {
		t.Fatalf("a signup has made only %q", keys)
	}
	for _, one := range keys {
		redis.FlushAll(t.Context())
		redis.LPush(t.Context(), one, "x")
		if typeOf(one) == "" { // a bucket, or what Ready writes, begins anew
			if err := errors.Join(signUp(t, s, 1), s.Ready(t.Context())); err != nil {
				t.Errorf("%q: %v", one, err)
			}
			continue
		}
		if err := signUp(t, s, 1); err == nil {
			t.Errorf("%q is not needed by a signup", one)
		}
		var u *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &u) || u.Setting != "the key "+quoted(one) ||
			!strings.Contains(u.Fix, "DEL "+quoted(one)) {
			t.Errorf("with another %q Ready says %v", one, err)
		}
		redis.Del(t.Context(), one)
		if err := errors.Join(s.Ready(t.Context()), signUp(t, s, 2)); err != nil {
			t.Errorf("without it again: %v", err)
		}
	}
}

// What all records of a shard need is looked at before the first of them, on each shard of a Cluster.
func TestASharedKeyOfAnotherTypeIsNoticedAtOnce(t *testing.T) {
	cluster, _ := startCluster(t)
	single := startServer(t)
	for url, on := range map[string]shard{single.url(): shardNumber(0), cluster: shardNumber(13)} {
		s := patient(t, Options{Location: at(url)})
		for _, one := range on.shared() {
			if err := s.client.LPush(t.Context(), one, "x").Err(); err != nil {
				t.Fatal(err)
			}
			var u *store.UnsafeError
			err := s.Ready(t.Context())
			if !errors.As(err, &u) || !strings.Contains(u.Setting, one) || u.Have != "a list" {
				t.Errorf("%q: %v", one, err)
			}
			s.client.Del(t.Context(), one)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// The key that Ready writes says nothing of whether this user may do with those of records what a signup does.
func TestWhatFailsEverySignupIsUnsafe(t *testing.T) {
	for name, rules := range map[string][]any{
		"no key of records": {"resetkeys", "~o:*"},
		"no EVALSHA":        {"-evalsha"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t)
			user := []any{"acl", "setuser", "optin", "on", ">hunter2", "~*", "+@all"}
			each(t, only(server), append(user, rules...)...)
			s := open(t, Options{Location: at("redis://optin:hunter2@" + server.addr())})
			if err := signUp(t, s, 1); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a signup: %v", err)
			}
			expectSetting(t, s.Ready(t.Context()), "the user's permissions")
		})
	}
	t.Run("a slot that no master has", func(t *testing.T) {
		url, servers := startCluster(t)
		each(t, servers, "config", "set", "cluster-require-full-coverage", "no")
		s := open(t, Options{Location: at(url)})
		if err := errors.Join(s.Ready(t.Context()), signUp(t, s, 1)); err != nil {
			t.Fatal(err)
		}
		slot := goredis.NewClient(&goredis.Options{Addr: servers[0].addr()})
		defer slot.Close()
		on := slot.ClusterKeySlot(t.Context(), s.shardOf(key(1).ID).records()).Val()
		each(t, servers, "cluster", "delslots", on)
		if err := signUp(t, s, 1); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a signup: %v", err)
		}
		poll(t, "Ready says so", func() bool { return s.Ready(t.Context()) != nil })
		t.Log(s.Ready(t.Context()))
	})
}
