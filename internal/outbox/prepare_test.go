package outbox_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// prepared is which jobs were prepared together, and when.
type prepared struct {
	mu      sync.Mutex
	batches int
	largest int
	at      map[string]time.Time
	twice   []string
}

func (p *prepared) prepare(_ context.Context, jobs []store.Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[string]time.Time{}
	}
	p.batches, p.largest = p.batches+1, max(p.largest, len(jobs))
	for _, job := range jobs {
		if !p.at[job.ID].IsZero() {
			p.twice = append(p.twice, job.ID)
		}
		p.at[job.ID] = time.Now()
	}
}

func (p *prepared) since(job store.Job) (since time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.at[job.ID]
	return time.Since(at), ok
}

// preparing is a pool of 4 workers of two queues whose jobs take some time.
func preparing(took time.Duration, p *prepared, run outbox.Run) outbox.Pool {
	return outbox.Pool{
		Queues: []store.QueueName{emails, "other"}, Workers: 4, Timeout: time.Hour, Waits: hourly, Prepare: p.prepare,
		Run: func(ctx context.Context, job store.Job) outbox.Result {
			defer time.Sleep(took)
			return run(ctx, job)
		},
	}
}

func TestJobsThatAreAboutToRunArePreparedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, p := newEnv(t), newRecord(), &prepared{}
		env.enqueueIn(emails, 0, 160)
		env.enqueueIn("other", 0, 160)
		alone, latest := 0, time.Duration(0)
		var mu sync.Mutex
		env.run(time.Hour, preparing(5*time.Millisecond, p, func(ctx context.Context, job store.Job) outbox.Result {
			since, ok := p.since(job)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				latest = max(latest, since)
			} else { // it was leased alone, or just begun by another worker
				alone++
			}
			return ran.complete(ctx, job)
		}))
		if len(ran.ids) != 320 || alone > 320/10 || len(p.twice) > 0 {
			t.Errorf("%d ran, %d of them not prepared; %d prepared twice", len(ran.ids), alone, len(p.twice))
		}
		if p.batches > 320/10 || p.largest > 16 {
			t.Errorf("prepared in %d batches of up to %d", p.batches, p.largest)
		}
		if latest > 150*time.Millisecond {
			t.Errorf("one ran %v after it was prepared", latest)
		}
	})
}

func TestJobsThatRunMuchLaterAreNotPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, p := newEnv(t), newRecord(), &prepared{}
		env.enqueue(40)
		env.run(time.Hour, preparing(60*time.Millisecond, p, ran.complete))
		for id, at := range p.at {
			if i := slices.Index(ran.ids, id); ran.since.Add(ran.at[i]).Sub(at) > 150*time.Millisecond {
				t.Errorf("%s ran %v after it was prepared", id, ran.since.Add(ran.at[i]).Sub(at))
			}
		}
		if len(ran.ids) != 40 || p.batches < 5 {
			t.Errorf("%d ran, prepared in %d batches", len(ran.ids), p.batches)
		}
	})
}

func TestAJobAloneIsNotPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, p := newEnv(t), newRecord(), &prepared{}
		env.enqueue(1)
		env.run(time.Hour, preparing(time.Second, p, ran.complete))
		if len(ran.ids) != 1 || p.batches > 0 {
			t.Errorf("%d ran, prepared in %d batches", len(ran.ids), p.batches)
		}
	})
}

func TestAPanicOfPrepareStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, p := newEnv(t), newRecord(), &prepared{}
		env.enqueue(20)
		pool := preparing(time.Millisecond, p, ran.complete)
		pool.Prepare = func(context.Context, []store.Job) { panic("what was read is damaged") }
		env.run(2*time.Hour, pool)
		if len(ran.ids) != 20 {
			t.Errorf("%d of 20 ran", len(ran.ids))
		}
	})
}
