package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/inbox"
)

// crowd is a load: people who sign up, and press the buttons of their letters, whatever becomes of the program meanwhile.
type load struct {
	t   *testing.T
	env *env
	end func()

	people      atomic.Int64
	accepted    multimap[bool]      // by address: told 202
	unanswered  atomic.Int64        // signups without an answer, or put off
	emails      multimap[emailCopy] // by address
	emailCount  atomic.Int64        // letters
	clicked     multimap[bool]      // by address: pressed, with whatever answer
	confirmed   multimap[bool]      // by address: told "confirmed"
	unconfirmed atomic.Int64        // presses without an answer, or put off
	kills       []time.Time         // of the program
	links       chan string         // of letters, to be pressed
	addressee   multimap[string]    // by link
}

// copyOf is a letter by what its copies have in common, and when it came.
type emailCopy struct {
	id, link string
	at       time.Time
}

// newCrowd begins.
func newLoad(t *testing.T, e *env) *load {
	t.Helper()
	l := &load{t: t, env: e, links: make(chan string, 10_000)}
	busy, rest := context.WithCancel(t.Context())
	reading, stop := context.WithCancel(t.Context())
	var working, reader sync.WaitGroup
	for range 3 {
		working.Go(func() { l.signUpAll(busy) })
		working.Go(func() { l.confirmAll(busy) })
	}
	reader.Go(func() { l.readAll(reading) })
	l.end = sync.OnceFunc(func() { rest(); working.Wait() })
	t.Cleanup(func() { l.end(); stop(); reader.Wait() })
	return l
}

// rest ends signing up and pressing; letters are still read.
func (l *load) stop() { l.end() }

// signUp signs people up, each once.
func (l *load) signUpAll(ctx context.Context) {
	a := l.env.actor(l.env.listen)
	for pace := time.NewTicker(15 * time.Millisecond); ctx.Err() == nil; <-pace.C {
		email := fmt.Sprintf("person%d@people.test", l.people.Add(1))
		switch code, err := a.trySignUp(email); {
		case err != nil || code == http.StatusServiceUnavailable:
			l.unanswered.Add(1)
		case code == http.StatusAccepted:
			l.accepted.add(email, true)
		default:
			l.t.Errorf("a signup answers %d", code)
		}
	}
}

// read reads every letter; not every person's link is pressed.
func (l *load) readAll(ctx context.Context) {
	_, _ = l.env.mail.Wait(ctx, func(m inbox.Message) bool {
		email, link := m.To[0], confirmLink(m)
		first := len(l.emails.get(email)) == 0
		l.emails.add(email, emailCopy{m.Header.Get("Message-Id"), link, m.At})
		if l.emailCount.Add(1); first && strings.ContainsAny(email, "135") {
			l.addressee.add(link, email)
			l.links <- link
		}
		return false
	})
}

// press presses links until each answers. Nothing but a process that is down puts off who holds a good link.
func (l *load) confirmAll(ctx context.Context) {
	a := l.env.actor(l.env.listen)
	for {
		select {
		case <-ctx.Done():
			return
		case link := <-l.links:
			email := l.addressee.get(link)[0]
			l.clicked.add(email, true)
			switch code, state, err := a.tryConfirm(link); {
			case code == 0 || code == http.StatusServiceUnavailable || code == http.StatusOK && err != nil: // down, or cut off
				l.unconfirmed.Add(1)
				l.links <- link
				<-time.After(15 * time.Millisecond)
			case code == http.StatusOK && state == "confirmed":
				l.confirmed.add(email, true)
			default:
				l.t.Errorf("a press answers %d %q, %v", code, state, err)
			}
		}
	}
}

// kept is a map of lists for many goroutines. Its zero value is empty.
type multimap[T any] struct {
	mu  sync.Mutex
	all map[string][]T
}

func (k *multimap[T]) add(key string, v T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[string][]T{}
	}
	k.all[key] = append(k.all[key], v)
}

func (k *multimap[T]) get(key string) []T {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]T(nil), k.all[key]...)
}

func (k *multimap[T]) keys() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make([]string, 0, len(k.all))
	for key := range k.all {
		keys = append(keys, key)
	}
	return keys
}
