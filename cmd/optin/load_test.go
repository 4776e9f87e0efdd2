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

// load is people who sign up and confirm, whether or not the program is up.
type load struct {
	t   *testing.T
	env *env
	end func()

	people      atomic.Int64
	accepted    multimap[bool]      // by address: answered 202
	unanswered  atomic.Int64        // signups without a response, or answered 503
	emails      multimap[emailCopy] // by address
	emailCount  atomic.Int64        // emails
	clicked     multimap[bool]      // by address: posted, with any response
	confirmed   multimap[bool]      // by address: answered "confirmed"
	unconfirmed atomic.Int64        // confirmations without a response, or answered 503
	kills       []time.Time         // of the program, or its server
	killedAt    map[string]int      // how often at a call of this kind
	links       linkQueue           // of emails, to be confirmed
	addressee   multimap[string]    // by link
}

// emailCopy is what the copies of an email have in common, and when one arrived.
type emailCopy struct {
	id, link string
	at       time.Time
}

// newLoad starts a load.
func newLoad(t *testing.T, e *env) *load {
	t.Helper()
	l := &load{t: t, env: e, killedAt: map[string]int{}}
	busy, stopWork := context.WithCancel(t.Context())
	reading, stopReading := context.WithCancel(t.Context())
	var working, reader sync.WaitGroup
	for range 3 {
		working.Go(func() { l.signUpAll(busy) })
		working.Go(func() { l.confirmAll(busy) })
	}
	reader.Go(func() { l.readAll(reading) })
	l.end = sync.OnceFunc(func() { stopWork(); working.Wait() })
	t.Cleanup(func() { l.end(); stopReading(); reader.Wait() })
	return l
}

// stop ends signing up and confirming. Emails are still read.
func (l *load) stop() { l.end() }

// signUpAll signs people up, each once.
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
			l.t.Errorf("a signup returns %d", code)
		}
	}
}

// readAll reads every email. Some people do not confirm.
func (l *load) readAll(ctx context.Context) {
	_, _ = l.env.mail.Wait(ctx, func(m inbox.Message) bool {
		email, link := m.To[0], confirmLink(m)
		if !strings.HasPrefix(email, "person") {
			return false // of the test's own
		}
		first := len(l.emails.get(email)) == 0
		l.emails.add(email, emailCopy{m.Header.Get("Message-Id"), link, m.At})
		if l.emailCount.Add(1); first && strings.ContainsAny(email, "135") {
			l.addressee.add(link, email)
			l.links.add(link)
		}
		return false
	})
}

// confirmAll posts each link until it is answered. Only a process that is down may fail to answer a good link.
func (l *load) confirmAll(ctx context.Context) {
	a := l.env.actor(l.env.listen)
	for ctx.Err() == nil {
		link, ok := l.links.take()
		if !ok {
			<-time.After(time.Millisecond)
			continue
		}
		email := l.addressee.get(link)[0]
		l.clicked.add(email, true)
		switch code, state, err := a.tryConfirm(link); {
		// down, or cut off
		case code == 0 || code == http.StatusServiceUnavailable || code == http.StatusOK && err != nil:
			l.unconfirmed.Add(1)
			l.links.add(link)
			<-time.After(15 * time.Millisecond)
		case code == http.StatusOK && state == "confirmed":
			l.confirmed.add(email, true)
		default:
			l.t.Errorf("a confirmation returns %d %q, %v", code, state, err)
		}
	}
}

// linkQueue is links that wait, for concurrent use. It has no bound: whoever adds one must not wait for who takes them.
type linkQueue struct {
	mu  sync.Mutex
	all []string
}

func (q *linkQueue) add(link string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, link)
}

func (q *linkQueue) take() (link string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		return "", false
	}
	link, q.all = q.all[0], q.all[1:]
	return link, true
}

// multimap is a map of lists for concurrent use. Its zero value is empty.
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
