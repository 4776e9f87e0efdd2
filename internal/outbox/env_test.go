package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

const emails = store.QueueName("email")

var (
	hourly = []time.Duration{time.Hour}
	daily  = []time.Duration{24 * time.Hour}
)

// env is a real store and what its outboxes lease from: the store itself, unless a test puts something between.
type env struct {
	*testing.T
	store store.Store
	queue store.Queue
}

func newEnv(t *testing.T) *env {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	b := &bounded{Store: st}
	return &env{T: t, store: b, queue: b}
}

// enough panics when something is asked for without an end. A worker that goes round and round would have a test in a
// bubble hang: the clock there goes on only while everybody waits.
type enough struct{ asked atomic.Int64 }

func (e *enough) ask() {
	if e.asked.Add(1) > 50_000 {
		panic("the outbox asks again and again")
	}
}

// bounded is a store from which so many leases are asked for at most.
type bounded struct {
	store.Store
	enough
}

func (s *bounded) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	s.ask()
	return s.Store.Lease(ctx, queue, n, d)
}

// enqueue adds n jobs to emails: email-0, email-1, ….
func (env *env) enqueue(n int) {
	env.Helper()
	env.enqueueIn(emails, 0, n)
}

// enqueueIn adds the jobs of a queue from one number up to another.
func (env *env) enqueueIn(queue store.QueueName, from, to int) {
	env.Helper()
	var jobs []store.Job
	for i := from; i < to; i++ {
		id := fmt.Sprint(strings.ReplaceAll(string(queue), "/", "_"), "-", i)
		jobs = append(jobs, store.Job{ID: id, Queue: queue})
	}
	err := env.store.Update(env.Context(), store.Key{Site: "gazette", ID: "0123456789abcdefghijkl"},
		func(store.Record) (store.Change, error) {
			return store.Change{Put: &store.Record{Created: time.Now(), Data: []byte("x")}, Enqueue: jobs}, nil
		})
	if err != nil {
		env.Fatal(err)
	}
}

// outbox makes one that is not started.
func (env *env) outbox(poll time.Duration, pools ...outbox.Pool) *outbox.Outbox {
	env.Helper()
	return env.outboxWith(outbox.Options{Pools: pools, Poll: poll})
}

func (env *env) outboxWith(o outbox.Options) *outbox.Outbox {
	env.Helper()
	o.Store = env.queue
	b, err := outbox.New(o)
	if err != nil {
		env.Fatal(err)
	}
	return b
}

// run lets an outbox work for some time, which passes at once where the clock is fake.
func (env *env) run(howLong time.Duration, pools ...outbox.Pool) {
	env.Helper()
	runFor(env.T, howLong, env.outbox(10*time.Second, pools...))
}

func runFor(t *testing.T, howLong time.Duration, b *outbox.Outbox) {
	ctx, stop := context.WithTimeout(t.Context(), howLong)
	defer stop()
	b.Run(ctx)
}

// start runs an outbox until the test ends, or until it is stopped.
func (env *env) start(b *outbox.Outbox) (stop func()) {
	env.Helper()
	ctx, cancel := context.WithCancel(env.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	stop = func() { cancel(); <-done }
	env.Cleanup(stop)
	return stop
}

// record is which jobs ran, and when.
type record struct {
	since  time.Time
	mu     sync.Mutex
	at     []time.Duration // since then
	ids    []string
	queues []store.QueueName
}

func newRecord() *record { return &record{since: time.Now()} }

func (r *record) add(job store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.ids, r.queues = append(r.at, time.Since(r.since)), append(r.ids, job.ID), append(r.queues, job.Queue)
}

func (r *record) times() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Duration(nil), r.at...)
}

// complete is a worker that completes every job.
func (r *record) complete(_ context.Context, job store.Job) outbox.Result {
	r.add(job)
	return outbox.Complete()
}

// always is a worker that returns the same result for every job.
func (r *record) always(result outbox.Result) outbox.Run {
	return func(_ context.Context, job store.Job) outbox.Result {
		r.add(job)
		return result
	}
}

// logLines is a log handler whose lines can be counted.
type logLines struct {
	mu  sync.Mutex
	all []string
}

func (l *logLines) Enabled(context.Context, slog.Level) bool { return true }
func (l *logLines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logLines) WithGroup(string) slog.Handler            { return l }

func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r.Message)
	return nil
}

func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if strings.Contains(s, text) {
			n++
		}
	}
	return n
}
