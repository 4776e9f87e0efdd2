package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// cannotSay is a store that cannot say which queues have due jobs for the first minute, and for the third.
type cannotSay struct {
	store.Queue
	since time.Time
	err   error
	calls int
}

func (s *cannotSay) Due(ctx context.Context) ([]store.QueueName, error) {
	if minute := time.Since(s.since) / time.Minute; minute == 0 || minute == 2 {
		s.calls++
		return nil, s.err
	}
	return s.Queue.Due(ctx)
}

func TestThatTheStoreCannotSayWhatIsDueIsLoggedOnceEachTime(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want int
	}{
		"an error":                      {errors.New("a column is missing"), 2},
		"away, which is said elsewhere": {store.ErrUnavailable, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			env, ran, log := newEnv(t), newRecord(), &logLines{}
			s := &cannotSay{Queue: env.store, since: time.Now(), err: row.err}
			env.queue = s
			runFor(t, 5*time.Minute, env.outboxWith(outbox.Options{
				Log: slog.New(log), Poll: 10 * time.Second, Pools: []outbox.Pool{{
					Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly, Run: ran.complete,
				}},
			}))
			if n := log.count("cannot ask"); n != row.want || s.calls < 10 {
				t.Errorf("%s: logged %d times of %d, want %d", name, n, s.calls, row.want)
			}
		})
	}
}

// gives counts the jobs that are given back, and may fail at it.
type gives struct {
	store.Queue
	back int
	err  error
}

func (s *gives) End(ctx context.Context, job store.Job, o store.Outcome) error {
	if o.End == store.EndRetry {
		if s.back++; s.err != nil {
			return s.err
		}
	}
	return s.Queue.End(ctx, job, o)
}

func TestWhatIsHeldIsKeptWhileItsTurnIsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, log := newEnv(t), newRecord(), &logLines{}
		s := &gives{Queue: env.store}
		env.queue = s
		env.enqueue(40)
		runFor(t, time.Minute, env.outboxWith(outbox.Options{Log: slog.New(log), Pools: []outbox.Pool{{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				time.Sleep(200 * time.Millisecond)
				ran.add(job)
				return outbox.Complete()
			},
		}}}))
		if n := len(ran.times()); n != 40 || s.back > 0 {
			t.Errorf("%d of 40 ran, and %d were given back", n, s.back)
		}
		if n := log.count(""); n != 0 {
			t.Errorf("%d lines are in the log: %q", n, log.all)
		}
	})
}

func TestALeaseThatCannotBeGivenBackIsLogged(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want bool
	}{"it can": {nil, false}, "it cannot": {store.ErrUnavailable, true}} {
		synctest.Test(t, func(t *testing.T) {
			env, log := newEnv(t), &logLines{}
			s := &gives{Queue: env.store, err: row.err}
			env.queue = s
			env.enqueue(30)
			n := 0
			runFor(t, 2*time.Minute, env.outboxWith(outbox.Options{Log: slog.New(log), Pools: []outbox.Pool{{
				Queues: []store.QueueName{emails}, Timeout: 10 * time.Minute, Waits: hourly,
				Run: func(context.Context, store.Job) outbox.Result {
					if n++; n > 10 { // those before were quick, so many are held
						time.Sleep(time.Minute)
					}
					return outbox.Complete()
				},
			}}}))
			if said := log.count("could not be given back") > 0; said != row.want || s.back == 0 {
				t.Errorf("%s: logged %t; %d were given back", name, said, s.back)
			}
		})
	}
}

func TestAJobThatCannotBePutOffIsLogged(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want bool
	}{"it can": {nil, false}, "it cannot": {store.ErrUnavailable, true}} {
		synctest.Test(t, func(t *testing.T) {
			env, log := newEnv(t), &logLines{}
			env.queue = &gives{Queue: cannotRenew{env.store}, err: row.err}
			env.enqueue(1)
			runFor(t, 5*time.Minute, env.outboxWith(outbox.Options{Log: slog.New(log), Pools: []outbox.Pool{{
				Queues: []store.QueueName{emails}, Workers: 2, Timeout: 10 * time.Minute, Waits: hourly,
				Run: func(context.Context, store.Job) outbox.Result {
					time.Sleep(3 * time.Minute)
					return outbox.Complete()
				},
			}}}))
			if said := log.count("could not be put off") > 0; said != row.want ||
				log.count("the lease of a running job ended") == 0 {
				t.Errorf("%s: logged %t: %q", name, said, log.all)
			}
		})
	}
}
