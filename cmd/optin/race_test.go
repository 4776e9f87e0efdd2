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
	"github.com/optin/optin/internal/webhook"
)

// crush is how many do the same thing at once.
const crush = 200

// replicas runs a test with one process on SQLite, and with two on one Redis.
func replicas(t *testing.T, f func(t *testing.T, w *world, processes []*process, at []*actor)) {
	onEachStore(t, func(t *testing.T, w *world) {
		hook := newReceiver(t)
		w.more, w.hook = hook.yaml(), hook
		first, a := w.spawn(w.listen)
		processes, at := []*process{first}, []*actor{a}
		if w.shared() {
			second, b := w.spawn(freeAddr(t))
			processes, at = append(processes, second), append(at, b)
		}
		f(t, w, processes, at)
	})
}

// atOnce does something crush times, spread over the processes, each on a connection of its own, and answers how often each answer came.
// Who is put off, because this machine is slow, tries again as they are told to.
func atOnce(at []*actor, do func(a *actor) string) map[string]int {
	var ready, done sync.WaitGroup
	answers, begin := make(chan string, crush), make(chan struct{})
	ready.Add(crush)
	for i := range crush {
		done.Go(func() {
			ready.Done()
			<-begin
			answer := do(at[i%len(at)])
			for end := time.Now().Add(30 * time.Second); strings.HasPrefix(answer, "503") && time.Now().Before(end); {
				<-time.After(time.Second)
				answer = do(at[i%len(at)])
			}
			answers <- answer
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	close(answers)
	counted := map[string]int{}
	for a := range answers {
		counted[a]++
	}
	return counted
}

func TestManyPressesAtOnceAreOneConfirmation(t *testing.T) {
	replicas(t, func(t *testing.T, w *world, processes []*process, at []*actor) {
		a := at[0]
		a.SignUp("ada@people.test")
		link := confirmLink(a.Letter("ada@people.test"))
		got := atOnce(at, func(a *actor) string {
			code, state, err := a.tryPress(link)
			return fmt.Sprint(code, " ", state, " ", err)
		})
		if got["200 confirmed <nil>"] != crush {
			t.Errorf("%d presses at once are answered %v", crush, got)
		}
		for _, a := range at {
			if l := a.MayIWrite("ada@people.test"); l.State != "confirmed" || len(l.Purposes) != 1 || l.Purposes[0].State != "confirmed" {
				t.Errorf("after all the presses: %+v", l)
			}
		}
		w.settle(processes, at)
		if calls := w.hook.about("ada@people.test"); len(calls) != 1 || calls[0].Type != "subscription.confirmed" {
			t.Errorf("the website was told %d times: %+v", len(calls), calls)
		}
	})
}

func TestManySignupsOfOneAddressAtOnceAreOneLetter(t *testing.T) {
	replicas(t, func(t *testing.T, w *world, processes []*process, at []*actor) {
		got := atOnce(at, func(a *actor) string {
			code, err := a.trySignUp("ada@people.test")
			return fmt.Sprint(code, " ", err)
		})
		if got["202 <nil>"] != crush {
			t.Errorf("%d signups at once are answered %v", crush, got)
		}
		at[0].Letter("ada@people.test")
		w.settle(processes, at)
		if n := w.lettersTo("ada@people.test"); n != 1 {
			t.Errorf("%d signups at once are %d letters", crush, n)
		}
	})
}

// settle works off all that is owed: what comes later to somebody else has come, what was in hand is finished, and nothing is left.
func (w *world) settle(processes []*process, at []*actor) {
	w.t.Helper()
	last := "last@people.test"
	at[0].SignUp(last)
	at[0].Press(confirmLink(at[0].Letter(last)))
	at[0].until("the website is told of the last", func() bool { return len(w.hook.about(last)) > 0 })
	for _, p := range processes {
		if code := p.stops(); code != exitOK {
			w.t.Errorf("a process ends with %d:\n%s", code, p.stderr)
		}
	}
	if n := w.owed(); n != 0 {
		w.t.Errorf("%d letters or calls are still owed", n)
	}
}

// owed looks into the store for letters and calls that nobody has worked off.
func (w *world) owed() (n int) {
	w.t.Helper()
	ctx := context.Background()
	cfg := w.parse()
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	defer st.Close()
	kinds := append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent)
	for _, h := range cfg.Sites[0].Webhooks {
		kinds = append(kinds, webhook.Queue(cfg.Sites[0].ID, h.URL.String()))
	}
	for _, k := range kinds {
		due, err := st.Lease(ctx, k, crush, time.Second)
		if err != nil {
			w.t.Fatal(err)
		}
		n += len(due)
	}
	return n
}
