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
type crowd struct {
	t   *testing.T
	w   *world
	end func()

	people    atomic.Int64
	accepted  kept[bool]   // by address: told 202
	unheard   atomic.Int64 // signups without an answer, or put off
	letters   kept[copyOf] // by address
	came      atomic.Int64 // letters
	pressed   kept[bool]   // by address: pressed, with whatever answer
	confirmed kept[bool]   // by address: told "confirmed"
	unpressed atomic.Int64 // presses without an answer, or put off
	deaths    []time.Time  // of the program
	links     chan string  // of letters, to be pressed
	addressee kept[string] // by link
}

// copyOf is a letter by what its copies have in common, and when it came.
type copyOf struct {
	id, link string
	at       time.Time
}

// newCrowd begins.
func newCrowd(t *testing.T, w *world) *crowd {
	t.Helper()
	c := &crowd{t: t, w: w, links: make(chan string, 10_000)}
	busy, rest := context.WithCancel(t.Context())
	reading, stop := context.WithCancel(t.Context())
	var working, reader sync.WaitGroup
	for range 3 {
		working.Go(func() { c.signUp(busy) })
		working.Go(func() { c.press(busy) })
	}
	reader.Go(func() { c.read(reading) })
	c.end = sync.OnceFunc(func() { rest(); working.Wait() })
	t.Cleanup(func() { c.end(); stop(); reader.Wait() })
	return c
}

// rest ends signing up and pressing; letters are still read.
func (c *crowd) rest() { c.end() }

// signUp signs people up, each once.
func (c *crowd) signUp(ctx context.Context) {
	a := c.w.actor(c.w.listen)
	for pace := time.NewTicker(15 * time.Millisecond); ctx.Err() == nil; <-pace.C {
		email := fmt.Sprintf("person%d@people.test", c.people.Add(1))
		switch code, err := a.trySignUp(email); {
		case err != nil || code == http.StatusServiceUnavailable:
			c.unheard.Add(1)
		case code == http.StatusAccepted:
			c.accepted.add(email, true)
		default:
			c.t.Errorf("a signup answers %d", code)
		}
	}
}

// read reads every letter; not every person's link is pressed.
func (c *crowd) read(ctx context.Context) {
	_, _ = c.w.mail.Wait(ctx, func(l inbox.Message) bool {
		email, link := l.To[0], confirmLink(l)
		first := len(c.letters.get(email)) == 0
		c.letters.add(email, copyOf{l.Header.Get("Message-Id"), link, l.At})
		if c.came.Add(1); first && strings.ContainsAny(email, "135") {
			c.addressee.add(link, email)
			c.links <- link
		}
		return false
	})
}

// press presses links until each answers. Nothing but a process that is down puts off who holds a good link.
func (c *crowd) press(ctx context.Context) {
	a := c.w.actor(c.w.listen)
	for {
		select {
		case <-ctx.Done():
			return
		case link := <-c.links:
			email := c.addressee.get(link)[0]
			c.pressed.add(email, true)
			switch code, state, err := a.tryPress(link); {
			case code == 0 || code == http.StatusServiceUnavailable || code == http.StatusOK && err != nil: // down, or cut off
				c.unpressed.Add(1)
				c.links <- link
				<-time.After(15 * time.Millisecond)
			case code == http.StatusOK && state == "confirmed":
				c.confirmed.add(email, true)
			default:
				c.t.Errorf("a press answers %d %q, %v", code, state, err)
			}
		}
	}
}

// kept is a map of lists for many goroutines. Its zero value is empty.
type kept[T any] struct {
	mu  sync.Mutex
	all map[string][]T
}

func (k *kept[T]) add(key string, v T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[string][]T{}
	}
	k.all[key] = append(k.all[key], v)
}

func (k *kept[T]) get(key string) []T {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]T(nil), k.all[key]...)
}

func (k *kept[T]) keys() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make([]string, 0, len(k.all))
	for key := range k.all {
		keys = append(keys, key)
	}
	return keys
}
