package outbox_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

const kind = store.QueueName("letter")

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// owe owes n letters: letter-0, letter-1, ….
func owe(t *testing.T, st store.Store, n int) {
	t.Helper()
	oweIn(t, st, kind, 0, n)
}

// oweIn owes the entries of a kind from one number up to another.
func oweIn(t *testing.T, st store.Store, k store.QueueName, from, to int) {
	t.Helper()
	var owed []store.Job
	for i := from; i < to; i++ {
		owed = append(owed, store.Job{ID: fmt.Sprint(strings.ReplaceAll(string(k), "/", "_"), "-", i), Queue: k})
	}
	err := st.Update(t.Context(), store.Key{Site: "gazette", ID: "0123456789abcdefghijkl"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{Created: time.Now(), Data: []byte("x")}, Enqueue: owed}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// diary notes what was tried when.
type diary struct {
	mu    sync.Mutex
	at    []time.Duration
	ids   []string
	kinds []store.QueueName
}

func (d *diary) note(begun time.Time, e store.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.ids, d.kinds = append(d.at, time.Since(begun)), append(d.ids, e.ID), append(d.kinds, e.Queue)
}

func (d *diary) tries() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Duration(nil), d.at...)
}

// run lets an outbox work for some time, which passes at once.
func run(t *testing.T, st store.Store, howLong time.Duration, lanes ...outbox.Pool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), howLong)
	defer stop()
	box(t, st, 10*time.Second, lanes...).Run(ctx)
}

func box(t *testing.T, st store.Store, poll time.Duration, lanes ...outbox.Pool) *outbox.Outbox {
	t.Helper()
	b, err := outbox.New(outbox.Options{Store: st, Pools: lanes, Poll: poll})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs an outbox until the test ends, or until it is stopped.
func start(t *testing.T, b *outbox.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}
