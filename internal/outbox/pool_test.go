package outbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestPoolsThatCannotWorkAreRefused(t *testing.T) {
	good := func() outbox.Pool {
		return outbox.Pool{
			Queues: []store.QueueName{"a", "b"}, Timeout: time.Second, Waits: []time.Duration{time.Second},
			Run: func(context.Context, store.Job) outbox.Result { return outbox.Complete() },
		}
	}
	st := newEnv(t).store
	for name, spoil := range map[string]func(p *outbox.Pool){
		"no queues":                   func(p *outbox.Pool) { p.Queues = nil },
		"a queue without a name":      func(p *outbox.Pool) { p.Queues = []store.QueueName{"a", ""} },
		"a queue twice":               func(p *outbox.Pool) { p.Queues = []store.QueueName{"a", "a"} },
		"a queue of another pool":     func(p *outbox.Pool) { p.Queues = []store.QueueName{"a", "other"} },
		"no Run":                      func(p *outbox.Pool) { p.Run = nil },
		"no timeout":                  func(p *outbox.Pool) { p.Timeout = 0 },
		"no waits":                    func(p *outbox.Pool) { p.Waits = nil },
		"negative workers":            func(p *outbox.Pool) { p.Workers = -1 },
		"negative workers at a queue": func(p *outbox.Pool) { p.PerQueue = -1 },
		"a negative ProbeEvery":       func(p *outbox.Pool) { p.ProbeEvery, p.RepeatLast = -time.Second, true },
		"ProbeEvery with an end":      func(p *outbox.Pool) { p.ProbeEvery = time.Second },
		"a RetryQueue of no pool":     func(p *outbox.Pool) { p.RetryQueue = "nowhere" },
		"nothing":                     nil,
	} {
		p, other := good(), good()
		other.Queues = []store.QueueName{"other"}
		if spoil != nil {
			spoil(&p)
		}
		_, err := outbox.New(outbox.Options{Store: st, Pools: []outbox.Pool{p, other}})
		if (err == nil) != (spoil == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := outbox.New(outbox.Options{Pools: []outbox.Pool{good()}}); err == nil {
		t.Error("it would work without a store")
	}
}
