package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestEveryJobIsObservedUnderItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		results := map[store.QueueName]outbox.Result{
			"good":  outbox.Complete(),
			"ended": outbox.Ended(),
			"bad":   outbox.Retry(errors.New("not now")),
			"moves": outbox.Retry(errors.New("not now")),
			"worst": outbox.Fail(errors.New("never")),
			"gone":  outbox.Retry(store.ErrLeaseLost),
		}
		pool := outbox.Pool{
			Timeout: time.Minute, Waits: daily, RetryQueue: "bad",
			Run: func(_ context.Context, job store.Job) outbox.Result {
				time.Sleep(3 * time.Second)
				return results[job.Queue]
			},
		}
		for queue := range results {
			env.enqueueIn(queue, 0, 1)
			pool.Queues = append(pool.Queues, queue)
		}
		got := map[string]int{}
		runFor(t, time.Minute, env.outboxWith(outbox.Options{
			Pools: []outbox.Pool{pool}, LeaseFor: time.Hour,
			Observe: func(job store.Job, outcome outbox.Outcome, d time.Duration) {
				got[fmt.Sprint(job.Queue, " ", outcome, " ", d)]++
			},
		}))
		want := map[string]int{
			"good completed 3s": 1, "ended completed 3s": 1, "bad retried 3s": 1,
			"moves moved 3s": 1, "worst failed 3s": 1, "gone lost 3s": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Hour) // until every lease has ended
		if left, err := env.store.Lease(t.Context(), "ended", 1, time.Second); err != nil || len(left) != 1 {
			t.Errorf("the outbox ended a job that its worker ends: %v, %v", left, err)
		}
	})
}
