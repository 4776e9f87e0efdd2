package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/webhook"
)

// concurrency is how many do the same thing at once.
const concurrency = 200

// onReplicas runs a test with one process on SQLite, and with two on one Redis.
func onReplicas(t *testing.T, f func(t *testing.T, e *env, processes []*process, at []*actor)) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML, e.endpoint = hook.yaml(), hook
		first, a := e.spawn(e.listen)
		processes, at := []*process{first}, []*actor{a}
		if e.isShared() {
			second, b := e.spawn(childtest.FreeAddr(t))
			processes, at = append(processes, second), append(at, b)
		}
		f(t, e, processes, at)
	})
}

// atOnce does something concurrency times at once, spread over the processes, each on a connection of its own, and
// counts the results. A 503, because this machine is slow, is tried again as its Retry-After says.
func atOnce(at []*actor, do func(a *actor) string) map[string]int {
	var ready, done sync.WaitGroup
	results, begin := make(chan string, concurrency), make(chan struct{})
	ready.Add(concurrency)
	for i := range concurrency {
		done.Go(func() {
			ready.Done()
			<-begin
			answer := do(at[i%len(at)])
			for end := time.Now().Add(30 * time.Second); strings.HasPrefix(answer, "503") && time.Now().Before(end); {
				<-time.After(time.Second)
				answer = do(at[i%len(at)])
			}
			results <- answer
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	close(results)
	counted := map[string]int{}
	for a := range results {
		counted[a]++
	}
	return counted
}

func TestConcurrentConfirmationsAreOneConfirmation(t *testing.T) {
	onReplicas(t, func(t *testing.T, e *env, processes []*process, at []*actor) {
		a := at[0]
		a.SignUp("ada@people.test")
		link := confirmLink(a.Email("ada@people.test"))
		got := atOnce(at, func(a *actor) string {
			code, state, err := a.tryConfirm(link)
			return fmt.Sprint(code, " ", state, " ", err)
		})
		if got["200 confirmed <nil>"] != concurrency {
			t.Errorf("%d confirmations at once return %v", concurrency, got)
		}
		for _, a := range at {
			if l := a.Lookup("ada@people.test"); l.State != "confirmed" || len(l.Purposes) != 1 ||
				l.Purposes[0].State != "confirmed" {
				t.Errorf("after all confirmations: %+v", l)
			}
		}
		e.finishAll(processes, at)
		if calls := e.endpoint.eventsAbout("ada@people.test"); len(calls) != 1 ||
			calls[0].Type != "subscription.confirmed" {
			t.Errorf("the website got %d times: %+v", len(calls), calls)
		}
	})
}

func TestConcurrentSignupsOfOneAddressAreOneEmail(t *testing.T) {
	onReplicas(t, func(t *testing.T, e *env, processes []*process, at []*actor) {
		got := atOnce(at, func(a *actor) string {
			code, err := a.trySignUp("ada@people.test")
			return fmt.Sprint(code, " ", err)
		})
		if got["202 <nil>"] != concurrency {
			t.Errorf("%d signups at once return %v", concurrency, got)
		}
		at[0].Email("ada@people.test")
		e.finishAll(processes, at)
		if n := e.emailsTo("ada@people.test"); n != 1 {
			t.Errorf("%d signups at once are %d emails", concurrency, n)
		}
	})
}

// finishAll waits until all jobs are done: an email and event enqueued later have arrived, the processes have stopped,
// and no job is left.
func (e *env) finishAll(processes []*process, at []*actor) {
	e.t.Helper()
	last := "last@people.test"
	at[0].SignUp(last)
	at[0].Confirm(confirmLink(at[0].Email(last)))
	at[0].eventually("the event of the last", func() bool { return len(e.endpoint.eventsAbout(last)) > 0 })
	for _, p := range processes {
		if code := p.stop(); code != exitOK {
			e.t.Errorf("a process exits with %d:\n%s", code, p.stderr)
		}
	}
	if n := e.unfinished(); n != 0 {
		e.t.Errorf("%d emails or events are not sent", n)
	}
}

// unfinished counts the emails and events in the store that are still to be sent.
func (e *env) unfinished() (n int) {
	e.t.Helper()
	ctx := context.Background()
	cfg := e.parse()
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		e.t.Fatal(err)
	}
	defer st.Close()
	queues := append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent)
	for _, h := range cfg.Sites[0].Webhooks {
		queues = append(queues, webhook.Queue(cfg.Sites[0].ID, h.URL.String()))
	}
	for _, queue := range queues {
		due, err := st.Lease(ctx, queue, concurrency, time.Second)
		if err != nil {
			e.t.Fatal(err)
		}
		n += len(due)
	}
	return n
}
