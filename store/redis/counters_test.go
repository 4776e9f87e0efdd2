package redis

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// TestCountersAreKeptAsLongAsTheContractSays reads when Redis will drop them: each hash some time after its last field.
func TestCountersAreKeptAsLongAsTheContractSays(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	at := day("2026-10-01").Add(17*time.Hour + 25*time.Minute)
	add := func() {
		t.Helper()
		err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
			return store.Change{Put: &store.Record{}, Count: []store.Count{
				{At: at, Name: "signup", N: 1}, {At: at, Name: "signup", By: "form", Of: "a", N: 1},
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add()
	add()
	for key, want := range map[string]struct {
		kept   time.Duration
		fields int64
	}{
		"o{0}cgazette/20261001":     {1101 * 24 * time.Hour, 2},
		"o{0}cgazette/2026100112":   {35*24*time.Hour + 6*time.Hour, 1},
		"o{0}cgazette/202610011720": {6*time.Hour + 10*time.Minute, 1},
	} {
		c := server.client()
		left, fields := c.TTL(t.Context(), key).Val(), c.HLen(t.Context(), key).Val()
		if left > want.kept || left < want.kept-time.Minute || fields != want.fields {
			t.Errorf("%s has %d fields and is kept for %v, want %d and %v", key, fields, left, want.fields, want.kept)
		}
	}
}

func TestACountWhoseReplyIsLostIsCountedOnce(t *testing.T) {
	arm, good := lossy(t)
	one := store.Count{At: day("2026-10-01"), Name: "signup", N: 1}
	for want := int64(1); want < 6; want++ {
		err := arm().Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			c, err := appending(r)
			c.Count = []store.Count{one}
			return c, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := good.Counts(t.Context(), "gazette", store.ByDay, one.At, one.At); err != nil || len(got) != 1 ||
			got[0].N != want {
			t.Fatalf("after %d changes %v were counted, %v", want, got, err)
		}
	}
}
