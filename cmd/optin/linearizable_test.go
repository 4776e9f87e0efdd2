package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/optin/optin/internal/childtest"
)

// act is what a client does to one subscription, to which the person has one link.
type act struct{ email, do string }

// outcome is what the client saw. Of what had no answer, nobody knows whether it was done.
type outcome struct {
	status int    // 0: none
	state  string // of a lookup
}

// standing is where a subscription stands by the rules, told without those of confirm/consent.
type standing struct {
	state    string
	declined bool // until it is unblocked
}

// step returns the status of an act and where the subscription stands after it.
func (s standing) step(do string) (int, standing) {
	open := s.state == "pending" || s.state == "confirmed"
	switch do {
	case "confirm":
		if s.declined || !open {
			return http.StatusConflict, s
		}
		return http.StatusOK, standing{state: "confirmed"}
	case "withdraw":
		if open {
			s.state = "withdrawn"
		}
	case "decline":
		if open {
			s.state = "declined"
		}
		s.declined = true
	case "unblock":
		s.declined = false
	}
	return http.StatusOK, s
}

// seen is the state that a lookup returns.
func (s standing) seen() string {
	if s.declined {
		return "declined"
	}
	return s.state
}

// model is what a history is checked against. Each subscription is one by itself.
var model = porcupine.Model{
	Partition: func(all []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := map[string]int{}
		for _, op := range all {
			email := op.Input.(act).email
			i, ok := of[email]
			if !ok {
				i = len(parts)
				of[email], parts = i, append(parts, nil)
			}
			parts[i] = append(parts[i], op)
		}
		return parts
	},
	Init: func() any { return standing{state: "pending"} },
	Step: func(state, input, output any) (bool, any) {
		s, a, saw := state.(standing), input.(act), output.(outcome)
		if a.do == "lookup" {
			return saw.status == 0 || saw.state == s.seen(), s
		}
		status, next := s.step(a.do)
		return saw.status == 0 || saw.status == status, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " -> ", output) },
}

// subscriber has one link to confirm, and an id.
type subscriber struct{ email, link, id string }

// history records what clients do.
type history struct {
	began time.Time
	mu    sync.Mutex
	all   []porcupine.Operation
}

func (h *history) do(client int, a *actor, s subscriber, do string, patience time.Duration) {
	called := time.Since(h.began)
	saw := a.try(s, do, patience)
	returned := time.Since(h.began).Nanoseconds()
	if saw.status == 0 {
		if do == "lookup" {
			return
		}
		returned = math.MaxInt64 // it may still be done
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, porcupine.Operation{
		ClientId: client, Input: act{s.email, do}, Call: called.Nanoseconds(), Output: saw, Return: returned,
	})
}

// try does something to a subscription, and waits so long for the reply.
func (a *actor) try(s subscriber, do string, patience time.Duration) (saw outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	to, body := a.base+path(s.link), ""
	switch do {
	case "lookup":
		to, body = a.base+"/v1/sites/gazette/lookup", fmt.Sprintf(`{"email":%q}`, s.email)
	case "withdraw":
		to = a.base + "/v1/sites/gazette/subscriptions/" + s.id + "/withdraw"
	case "decline", "unblock":
		to += "/" + do
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if strings.Contains(to, "/v1/") {
		req.Header.Set("Authorization", "Bearer "+testKey)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return saw
	}
	defer resp.Body.Close()
	var answer struct{ State string }
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 500 || json.Unmarshal(b, &answer) != nil {
		return saw
	}
	return outcome{resp.StatusCode, answer.State}
}

// faults kill the second process, and cut the connections of both to Redis, again and again, until done is closed.
func faults(t *testing.T, e *env, server *redisChild, second *process, listen string, done <-chan struct{}) *process {
	for i := 0; ; i++ {
		select {
		case <-done:
			return second
		case <-time.After(time.Duration(100+rand.IntN(300)) * time.Millisecond):
		}
		if i%2 == 0 {
			server.ask("CLIENT KILL TYPE normal SKIPME yes")
			continue
		}
		second.kill()
		second = e.launch(listen)
		a := e.actor(listen)
		a.eventually("the second process is back", func() bool { return a.status("/readyz") == http.StatusOK })
	}
}

// 200 clients act on a few subscriptions at once, through two processes that are killed and lose replies. There is an
// order of all their acts that the rules allow, and each subscription is confirmed once.
func TestHistoriesAreLinearizable(t *testing.T) {
	server := redisServer(t)
	e := newEnv(t, server.url())
	hook := newEndpoint(t)
	e.siteYAML = hook.yaml()
	_, a := e.spawn(e.listen)
	listen := childtest.FreeAddr(t)
	second, b := e.spawn(listen)
	acts := []string{"confirm", "confirm", "lookup", "lookup", "withdraw", "decline", "unblock"}
	unknown, histories := 0, 0
	for round := range size(1, 100) {
		subscribers := make([]subscriber, size(20, 100))
		for i := range subscribers {
			subscribers[i].email = fmt.Sprintf("reader%d.%d@round%d.example", round, i, round%30)
			a.SignUp(subscribers[i].email)
		}
		for i := range subscribers {
			s := &subscribers[i]
			s.link, s.id = confirmLink(a.Email(s.email)), a.Lookup(s.email).ID
		}
		h := &history{began: time.Now()}
		done := make(chan struct{})
		var breaking, clients sync.WaitGroup
		breaking.Go(func() { second = faults(t, e, server, second, listen, done) })
		for client := range concurrency {
			clients.Go(func() {
				for range size(4, 12) {
					do := acts[rand.IntN(len(acts))]
					patience := 10 * time.Second
					if rand.IntN(6) == 0 {
						patience = time.Duration(1+rand.IntN(20)) * time.Millisecond // the reply is lost
					}
					h.do(client, []*actor{a, b}[rand.IntN(2)], subscribers[rand.IntN(len(subscribers))], do, patience)
				}
			})
		}
		clients.Wait()
		close(done)
		breaking.Wait()
		if result := porcupine.CheckOperationsTimeout(model, h.all, time.Minute); result != porcupine.Ok {
			t.Fatalf("round %d: the history is %s:\n%s", round, result, h.wrong())
		}
		for _, op := range h.all {
			if op.Output.(outcome).status == 0 {
				unknown++
			}
		}
		histories += len(subscribers)
		for _, s := range subscribers {
			h.wantOneEvent(a, hook, s.email)
		}
	}
	t.Logf("%d histories, %d acts had no answer", histories, unknown)
	if unknown == 0 {
		t.Error("no reply was lost")
	}
}

// wrong prints the histories of subscriptions that have no order.
func (h *history) wrong() (all string) {
	for _, part := range model.Partition(h.all) {
		if porcupine.CheckOperationsTimeout(model, part, 5*time.Second) == porcupine.Ok {
			continue
		}
		for _, op := range part {
			all += fmt.Sprintf("%12d-%-20d %s\n", op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
		}
	}
	return all
}

// wantOneEvent checks that a subscription whose confirmation was acknowledged has one event of it, under one id.
func (h *history) wantOneEvent(a *actor, hook *endpoint, email string) {
	a.t.Helper()
	confirmed := false
	for _, op := range h.all {
		confirmed = confirmed || op.Input.(act) == act{email, "confirm"} && op.Output.(outcome).status == http.StatusOK
	}
	ids := func() map[string]bool {
		all := map[string]bool{}
		for _, e := range hook.eventsAbout(email) {
			if e.Type == "subscription.confirmed" {
				all[e.id] = true
			}
		}
		return all
	}
	if confirmed {
		a.eventually("the event of "+email, func() bool { return len(ids()) > 0 })
	}
	if n := len(ids()); n > 1 {
		a.t.Errorf("%s has %d events of a confirmation", email, n)
	}
}
