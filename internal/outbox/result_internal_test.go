package outbox

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestAResultDecidesWhenAndWhereAJobIsRetried(t *testing.T) {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	once := Pool{Waits: []time.Duration{minute, hour}}
	moving, repeat := once, once
	moving.RetryQueue, repeat.RepeatLast = "email/retry", true
	bad := errors.New("not now")
	again := Retry(bad)
	for name, c := range map[string]struct {
		pool     Pool
		attempts int
		result   Result
		outcome  Outcome
		wait     time.Duration // give or take a fifth
		least    time.Duration // exactly, where NotBefore says so
		to       store.QueueName
	}{
		"complete":                      {moving, 1, Complete(), Completed, 0, 0, ""},
		"the first wait":                {once, 1, again, Retried, minute, 0, ""},
		"the second":                    {once, 2, again, Retried, hour, 0, ""},
		"the end of the waits":          {once, 3, again, Failed, 0, 0, ""},
		"the last wait repeated":        {repeat, 9, again, Retried, hour, 0, ""},
		"no attempts":                   {once, 0, again, Retried, minute, 0, ""},
		"zeros say nothing":             {moving, 1, again, Moved, minute, 0, "email/retry"},
		"zeros after the end":           {moving, 3, again, Failed, 0, 0, ""},
		"less than nothing":             {once, 1, again.WithWait(-day).WithNotBefore(-day), Retried, minute, 0, ""},
		"its own wait, shorter":         {once, 2, again.WithWait(time.Second), Retried, time.Second, 0, ""},
		"its own wait, longer":          {once, 1, again.WithWait(day), Retried, day, 0, ""},
		"its own wait after the end":    {once, 9, again.WithWait(day), Retried, day, 0, ""},
		"not before":                    {once, 1, again.WithNotBefore(day), Retried, day, day, ""},
		"not before, over by then":      {once, 2, again.WithNotBefore(minute), Retried, hour, 0, ""},
		"not before, after the end":     {once, 3, again.WithNotBefore(day), Failed, 0, 0, ""},
		"its own wait and not before":   {once, 9, again.WithWait(minute).WithNotBefore(day), Retried, day, day, ""},
		"its own wait, later than that": {once, 1, again.WithWait(day).WithNotBefore(minute), Retried, day, 0, ""},
		"to where the pool says":        {moving, 1, again, Moved, minute, 0, "email/retry"},
		"to where it says itself":       {moving, 1, Move("email/slow", bad), Moved, minute, 0, "email/slow"},
		"to where it says, no retries":  {once, 1, Move("email/slow", bad), Moved, minute, 0, "email/slow"},
		"to its own queue is no move":   {moving, 1, Move("email", bad), Retried, minute, 0, ""},
		"its own, after the end":        {once, 9, Move("email/slow", bad).WithWait(day), Moved, day, 0, "email/slow"},
		"retried without a reason":      {once, 1, Retry(nil), Retried, minute, 0, ""},
		"failed without a reason":       {once, 1, Fail(nil), Failed, 0, 0, ""},
		"ended by the worker":           {moving, 3, Ended(), Completed, 0, 0, ""},
		"never again, whatever else":    {moving, 1, Fail(bad).WithWait(day).WithNotBefore(day), Failed, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			outcome, how := c.pool.decide(store.Job{ID: "j", Queue: "email", Attempts: c.attempts}, c.result, now)
			if outcome != c.outcome || how.Queue != c.to {
				t.Errorf("%s in %q, want %s in %q", outcome, how.Queue, c.outcome, c.to)
			}
			want := map[Outcome]store.End{
				Completed: store.EndComplete, Retried: store.EndRetry, Moved: store.EndMove, Failed: store.EndFail,
			}[c.outcome]
			if how.End != want {
				t.Errorf("the store is to do %d, want %d", how.End, want)
			}
			if want != store.EndRetry && want != store.EndMove {
				return
			}
			if got := how.At.Sub(now); got < c.least || got < c.wait-c.wait/5 || got > c.wait+c.wait/5 {
				t.Errorf("again in %v, want %v", got, c.wait)
			}
		})
	}
}

func TestAWaitIsSpreadByAFifthEitherWay(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		d := jitter(10 * time.Minute)
		least, most = min(least, d), max(most, d)
	}
	if least < 8*time.Minute || least > 9*time.Minute || most < 11*time.Minute || most > 12*time.Minute {
		t.Errorf("from %v to %v", least, most)
	}
	for _, d := range []time.Duration{0, -time.Hour} {
		if got := jitter(d); got != 0 {
			t.Errorf("of %v it makes %v", d, got)
		}
	}
}
