package redis

import (
	"context"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/storetest"
)

func TestOneServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	empty := server.client()
	storetest.Run(t, func(t *testing.T) func(*testing.T) store.Store {
		if err := empty.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return func(t *testing.T) store.Store { return patient(t, Options{Location: at(server.url())}) }
	})
}

func TestAClusterKeepsTheContract(t *testing.T) {
	t.Parallel()
	url, servers := startCluster(t)
	var clients []*goredis.Client
	for _, s := range servers {
		clients = append(clients, s.client())
	}
	storetest.Run(t, func(t *testing.T) func(*testing.T) store.Store {
		for _, c := range clients {
			if err := c.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		return func(t *testing.T) store.Store { return patient(t, Options{Location: at(url)}) }
	})
}

func TestTheShardsAreSpreadOverACluster(t *testing.T) {
	t.Parallel()
	url, servers := startCluster(t)
	s := patient(t, Options{Location: at(url)})
	for i := range 64 {
		put(t, s, key(i), &store.Record{State: "pending"}, email(key(i).ID))
	}
	for _, one := range servers {
		if n := one.client().DBSize(context.WithoutCancel(t.Context())).Val(); n == 0 {
			t.Errorf("the master at %s holds nothing", one.addr())
		}
	}
}
