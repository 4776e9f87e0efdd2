package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Wrong passwords that are looked at in guessPer; until then even the right one is not. Prometheus asks while the store is away, too: so
// this counts in the process, where the dashboard's login counts for all. Who has brought the right one is counted by themselves, or a
// stranger could blind the monitoring.
const (
	guesses  = 10
	guessPer = 10 * time.Minute
	trusties = 16 // peers that are known to have brought the right password, at most
)

// guard asks for the admin password (RFC 7617), whatever the user's name.
type guard struct {
	password []byte
	next     http.Handler
	now      func() time.Time

	mu    sync.Mutex
	wrong map[netip.Addr][]time.Time // oldest first, by peer who was right before; the zero one is all others
}

func behindPassword(password []byte, h http.Handler) http.Handler {
	return &guard{password: password, next: h, now: time.Now, wrong: map[netip.Addr][]time.Time{}}
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, given, sent := r.BasicAuth()
	switch right, wait := g.try(peer(r), given, sent); {
	case right:
		g.next.ServeHTTP(w, r)
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, "Too many wrong passwords were tried. Wait for the seconds in Retry-After.", http.StatusTooManyRequests)
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="optin", charset="UTF-8"`)
		http.Error(w, "The admin password is needed here.", http.StatusUnauthorized)
	}
}

// peer is who connected. It may be a proxy for many, who then are counted as one.
func peer(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr().Unmap()
}

// try looks at a password, if one was given and there were not too many wrong ones; else it tells how long to wait.
func (g *guard) try(from netip.Addr, given string, sent bool) (right bool, wait time.Duration) {
	if !sent {
		return false, 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now, who := g.now(), from
	if _, known := g.wrong[from]; !known {
		who = netip.Addr{}
	}
	wrong := slices.DeleteFunc(g.wrong[who], func(at time.Time) bool { return now.Sub(at) >= guessPer })
	g.wrong[who] = wrong
	if len(wrong) >= guesses {
		return false, wrong[0].Add(guessPer).Sub(now)
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256(g.password)
	switch right = subtle.ConstantTimeCompare(a[:], b[:]) == 1; {
	case !right:
		g.wrong[who] = append(wrong, now)
	case who != from && len(g.wrong) <= trusties:
		g.wrong[from] = nil
	}
	return right, 0
}
