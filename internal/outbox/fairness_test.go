package outbox_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestAQueueWhoseJobsHangKeepsNoJobOfAnotherWaiting(t *testing.T) {
	n := 500
	if os.Getenv("OPTIN_SOAK") != "" {
		n = 10_000
	}
	for name, c := range map[string]struct {
		perQueue int
		timeout  time.Duration
	}{
		"because of PerQueue": {perQueue: 4, timeout: time.Hour},
		"because of Timeout":  {perQueue: 0, timeout: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.enqueueIn("bad", 0, n)
			hanging, over, begun := make(chan bool, n), make(chan struct{}), make(chan string, 6)
			b := env.outbox(500*time.Millisecond, outbox.Pool{
				Queues: []store.QueueName{"bad", "good"}, Workers: 8, PerQueue: c.perQueue,
				Timeout: c.timeout, Waits: hourly,
				Run: func(ctx context.Context, job store.Job) outbox.Result {
					if job.Queue == "good" {
						begun <- job.ID
						return outbox.Complete()
					}
					hanging <- true
					select {
					case <-ctx.Done():
						return outbox.Retry(context.Cause(ctx))
					case <-over:
						return outbox.Retry(context.Canceled)
					}
				}})
			stop := env.start(b)
			for range 4 {
				<-hanging
			}
			for i := range 6 {
				env.enqueueIn("good", i, i+1)
				if i%2 == 0 { // the others are enqueued by another process
					b.Wake("good")
				}
				select {
				case <-begun:
				case <-time.After(time.Second):
					t.Fatalf("job %d did not start within a second", i)
				}
			}
			close(over)
			stop()
		})
	}
}

func TestPerQueueWorkersAreAtOneQueueAndNoMore(t *testing.T) {
	for _, c := range []struct {
		perQueue, workers, most int
		rounds                  time.Duration
	}{
		{perQueue: 3, workers: 8, most: 3, rounds: 10},
		{perQueue: 0, workers: 8, most: 8, rounds: 8}, // 60 by 8
		{perQueue: 1, workers: 2, most: 1, rounds: 30},
	} {
		t.Run(fmt.Sprint(c.perQueue, " of ", c.workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newEnv(t)
				env.enqueueIn("a", 0, 30)
				env.enqueueIn("b", 0, 30)
				var mu sync.Mutex
				at, most := map[store.QueueName]int{}, map[store.QueueName]int{}
				begun, last, done := time.Now(), time.Duration(0), 0
				env.run(time.Hour, outbox.Pool{
					Queues: []store.QueueName{"a", "b"}, Workers: c.workers, PerQueue: c.perQueue,
					Timeout: time.Hour, Waits: hourly,
					Run: func(_ context.Context, job store.Job) outbox.Result {
						mu.Lock()
						at[job.Queue]++
						most[job.Queue] = max(most[job.Queue], at[job.Queue])
						mu.Unlock()
						time.Sleep(time.Minute)
						mu.Lock()
						defer mu.Unlock()
						at[job.Queue]--
						done++
						last = time.Since(begun)
						return outbox.Complete()
					}})
				if done != 60 || last > c.rounds*time.Minute+time.Second {
					t.Errorf("%d completed after %v, want 60 after %d minutes", done, last, c.rounds)
				}
				for queue, n := range most {
					if n > c.most || c.perQueue > 0 && n != c.most {
						t.Errorf("%d workers at %s, want %d", n, queue, c.most)
					}
				}
			})
		})
	}
}

func TestQueuesHaveTheirTurnsWhicheverAreWoken(t *testing.T) {
	env, ran := newEnv(t), newRecord()
	queues := []store.QueueName{"a", "b", "c", "d"}
	for _, queue := range queues {
		env.enqueueIn(queue, 0, 25)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var b *outbox.Outbox
	b = env.outbox(time.Hour, outbox.Pool{Queues: queues, Timeout: time.Minute, Waits: hourly,
		Run: func(_ context.Context, job store.Job) outbox.Result {
			ran.add(job)
			b.Wake("a")
			b.Wake("c")
			if len(ran.times()) == 100 {
				stop()
			}
			return outbox.Complete()
		}})
	b.Run(ctx)
	turns := map[store.QueueName]int{}
	for i, queue := range ran.queues {
		turns[queue]++
		for _, other := range queues {
			if turns[queue]-turns[other] > 1 {
				t.Fatalf("run %d: %s had %d turns, %s %d", i, queue, turns[queue], other, turns[other])
			}
		}
	}
	if len(ran.queues) != 100 {
		t.Errorf("%d runs, want 100", len(ran.queues))
	}
}
