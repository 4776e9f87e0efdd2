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

func TestEveryTrialIsObservedUnderItsEntrysKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		says := map[store.QueueName]error{"good": nil, "bad": errors.New("not now"), "worst": parked{}, "gone": store.ErrLeaseLost}
		lane := outbox.Pool{Timeout: time.Minute, Waits: day, RetryQueue: "bad", Run: func(_ context.Context, e store.Job) (bool, error) {
			time.Sleep(3 * time.Second)
			return false, says[e.Queue]
		}}
		for k := range says {
			oweIn(t, st, k, 0, 1)
			lane.Queues = append(lane.Queues, k)
		}
		got := map[string]int{}
		b, err := outbox.New(outbox.Options{Store: st, Pools: []outbox.Pool{lane}, LeaseFor: time.Hour,
			Observe: func(k store.QueueName, outcome string, d time.Duration) { got[fmt.Sprint(k, " ", outcome, " ", d)]++ }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		b.Run(ctx)
		want := map[string]int{"good done 3s": 1, "bad again 3s": 1, "worst parked 3s": 1, "gone lost 3s": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
