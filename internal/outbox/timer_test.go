package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// timers is a store whose queue "timers" is store.TimerQueue. It records what is done with leases of timers.
type timers struct {
	store.Queue
	mu    sync.Mutex
	calls []string
}

func (s *timers) record(what string, job store.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, what+" "+job.ID)
}

func (s *timers) Due(ctx context.Context) (all []store.QueueName, err error) {
	all, err = s.Queue.Due(ctx)
	for i := range all {
		if all[i] == "timers" {
			all[i] = store.TimerQueue
		}
	}
	return all, err
}

func (s *timers) Lease(ctx context.Context, _ store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	jobs, err := s.Queue.Lease(ctx, "timers", n, d)
	for i := range jobs {
		jobs[i].Queue, jobs[i].Attempts = store.TimerQueue, 1
	}
	return jobs, err
}

func (s *timers) RenewLease(_ context.Context, job store.Job, _ time.Duration) error {
	s.record("renew", job)
	return nil
}

func (s *timers) End(_ context.Context, job store.Job, outcome store.Outcome) error {
	words := map[store.End]string{store.EndComplete: "complete", store.EndMove: "move", store.EndFail: "remove"}
	what := words[outcome.End]
	if outcome.End == store.EndRetry {
		what = time.Until(outcome.At).Round(time.Minute).String()
	}
	s.record(what, job)
	return nil
}

func TestATimerIsEndedByItsResultAndOtherwiseLeftToItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		st := &timers{Queue: env.store}
		env.queue = st
		env.enqueueIn("timers", 0, 8)
		results := map[string]outbox.Result{
			"timers-0": outbox.Ended(),
			"timers-1": outbox.Retry(errors.New("the store was away")),
			"timers-2": outbox.Retry(errors.New("not yet")).WithNotBefore(2 * time.Hour),
			"timers-3": outbox.Fail(errors.New("unreadable")),
			"timers-4": outbox.Move(emails, errors.New("elsewhere")), // which cannot be
			"timers-5": outbox.Ended(),                               // after longer than its lease
		}
		b := env.outbox(time.Hour, outbox.Pool{
			Queues: []store.QueueName{store.TimerQueue}, Timeout: time.Hour, RepeatLast: true,
			Waits: []time.Duration{10 * time.Minute}, Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				time.Sleep(time.Millisecond)
				if job.ID == "timers-5" {
					time.Sleep(50 * time.Second)
				}
				return results[job.ID]
			}}, outbox.Pool{Queues: []store.QueueName{emails}, Run: ran.complete, Timeout: time.Hour, Waits: hourly})
		stop := env.start(b)
		time.Sleep(20 * time.Second) // 6 and 7 are held, and are not given back
		stop()
		for i, call := range st.calls { // the waits are ten minutes, give or take a fifth
			for _, minutes := range []string{"8m0s", "9m0s", "11m0s", "12m0s"} {
				if len(call) > len(minutes) && call[:len(minutes)] == minutes {
					st.calls[i] = "10m0s" + call[len(minutes):]
				}
			}
		}
		want := []string{"10m0s timers-1", "2h0m0s timers-2", "remove timers-3", "10m0s timers-4"}
		if diff := cmp.Diff(want, st.calls); diff != "" {
			t.Error(diff)
		}
		left, err := env.store.Lease(t.Context(), "timers", 10, time.Second)
		if err != nil || len(left) != 8 { // this store ended none of them: every lease is over
			t.Errorf("%d came back, %v", len(left), err)
		}
	})
}

func TestTimersOfRecordsRunWhenTheyAreDueUntilTheirRecordsSayOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		key := func(id string) store.Key { return store.Key{Site: "gazette", ID: "0123456789abcdefghij" + id} }
		put := func(id string, timer time.Time) {
			err := env.store.Update(context.Background(), key(id), func(store.Record) (store.Change, error) {
				return store.Change{Put: &store.Record{Created: time.Now(), Timer: timer, Data: []byte("x")}}, nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		for i, id := range []string{"sa", "re", "rt", "fa", "co"} {
			put(id, time.Now().Add(time.Minute+time.Duration(i)))
		}
		env.run(time.Hour, outbox.Pool{
			Queues: []store.QueueName{store.TimerQueue}, Timeout: time.Minute, RepeatLast: true,
			Waits: []time.Duration{10 * time.Minute}, Run: func(_ context.Context, job store.Job) outbox.Result {
				again := slices.Contains(ran.ids, job.Key.ID)
				ran.add(store.Job{ID: job.Key.ID})
				switch id := job.Key.ID[20:]; {
				case id == "sa", again: // it has nothing to wait for any more
					put(id, time.Time{})
					return outbox.Ended()
				case id == "re": // it has another moment to wait for
					put(id, time.Now().Add(20*time.Minute))
					return outbox.Ended()
				case id == "rt":
					return outbox.Retry(errors.New("the store was away"))
				case id == "fa":
					return outbox.Fail(errors.New("unreadable"))
				}
				return outbox.Complete() // which is wrong: it comes back
			}})
		at := map[string][]time.Duration{}
		for i, id := range ran.ids {
			at[id[20:]] = append(at[id[20:]], ran.at[i])
		}
		within := func(at, from, to time.Duration) bool { return from <= at && at <= to+20*time.Second }
		for id, again := range map[string][2]time.Duration{
			"sa": {}, "fa": {}, "re": {21 * time.Minute, 21 * time.Minute}, "rt": {9 * time.Minute, 13 * time.Minute},
			"co": {90 * time.Second, 90 * time.Second},
		} {
			got, times := at[id], 1
			if again[0] > 0 {
				times = 2
			}
			if len(got) != times || !within(got[0], time.Minute, time.Minute) ||
				times == 2 && !within(got[1], again[0], again[1]) {
				t.Errorf("%s ran at %v, want after a minute, and again after %v", id, got, again)
			}
		}
	})
}

func TestPoolsOfTimersRepeatAndNeitherMoveNorProbe(t *testing.T) {
	env := newEnv(t)
	for name, spoil := range map[string]func(p *outbox.Pool){
		"as they are": nil,
		"with an end": func(p *outbox.Pool) { p.RepeatLast = false },
		"that move":   func(p *outbox.Pool) { p.RetryQueue = "other" },
		"that probe":  func(p *outbox.Pool) { p.ProbeEvery = time.Minute },
		"that others' jobs join": func(p *outbox.Pool) {
			p.Queues, p.RetryQueue = []store.QueueName{"a"}, store.TimerQueue
		},
	} {
		p := outbox.Pool{Queues: []store.QueueName{store.TimerQueue}, Timeout: time.Second, RepeatLast: true,
			Waits: hourly, Run: newRecord().complete}
		if spoil != nil {
			spoil(&p)
		}
		other := outbox.Pool{Queues: []store.QueueName{"other"}, Timeout: time.Second, Waits: hourly, Run: p.Run}
		_, err := outbox.New(outbox.Options{Store: env.store, Pools: []outbox.Pool{p, other}})
		if (err == nil) != (spoil == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
