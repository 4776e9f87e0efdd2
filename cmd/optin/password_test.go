package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestFewWrongPasswordsAreLookedAt(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	g := behindPassword([]byte("right"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).(*guard)
	g.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	askFrom := func(peer, password string) int {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = peer + ":4711"
		if password != "" {
			r.SetBasicAuth("prometheus", password)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("429 does not say until when")
		}
		return w.Code
	}
	ask := func(password string) int { return askFrom("203.0.113.7", password) }
	if askFrom("10.0.0.9", "right") != http.StatusOK {
		t.Fatal("Prometheus is refused")
	}
	for range 3 * guesses { // asking without one, and the right one, costs nothing
		if ask("") != http.StatusUnauthorized || ask("right") != http.StatusOK {
			t.Fatal("refused")
		}
	}
	var looked atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if askFrom(fmt.Sprint("198.51.100.", i), "wrong") == http.StatusUnauthorized {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() != guesses {
		t.Errorf("%d wrong passwords were looked at, want %d", looked.Load(), guesses)
	}
	if got := askFrom("198.51.100.1", "right"); got != http.StatusTooManyRequests {
		t.Errorf("the right one is answered %d", got)
	}
	if got := askFrom("10.0.0.9", "right"); got != http.StatusOK {
		t.Errorf("Prometheus, which was right before, is answered %d", got)
	}
	for range guesses { // but may not guess for ever either
		askFrom("10.0.0.9", "wrong")
	}
	if got := askFrom("10.0.0.9", "right"); got != http.StatusTooManyRequests {
		t.Errorf("after as many wrong ones, Prometheus is answered %d", got)
	}
	mu.Lock()
	now = now.Add(guessPer)
	mu.Unlock()
	if got := askFrom("198.51.100.1", "right"); got != http.StatusOK {
		t.Errorf("later the right one is answered %d", got)
	}
}
