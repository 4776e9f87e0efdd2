package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// spelling returns one of the many spellings of one mailbox.
func spelling(r *rand.Rand) string {
	name := []byte("adalovelace")
	var b strings.Builder
	for i, c := range name {
		if i > 0 && r.IntN(3) == 0 {
			b.WriteByte('.')
		}
		switch r.IntN(3) {
		case 0:
			b.WriteByte(c - 'a' + 'A')
		case 1:
			b.WriteRune(rune(c) - 'a' + 'ａ') // full-width
		default:
			b.WriteByte(c)
		}
	}
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "+tag%d", r.IntN(1000))
	}
	return b.String() + "@" + []string{"gmail.com", "GMail.com", "googlemail.com", "ｇmail.com"}[r.IntN(4)]
}

// flood posts signups through a trusted proxy, each from another of many IPs. It counts the statuses.
func (a *actor) flood(n int, email func(r *rand.Rand, i int) string) map[int]int {
	a.t.Helper()
	codes, mu := map[int]int{}, sync.Mutex{}
	client := &http.Client{Transport: checked(&http.Transport{MaxIdleConnsPerHost: 32})}
	var next atomic.Int64
	var all sync.WaitGroup
	for worker := range 16 {
		r := rand.New(rand.NewPCG(uint64(worker), 1))
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				body := fmt.Sprintf(`{"email":%q,"consent":true,"locale":"en"}`, email(r, i))
				req, err := http.NewRequest(http.MethodPost, a.base+signupPath, strings.NewReader(body))
				if err != nil {
					a.t.Error(err)
					return
				}
				req.Header.Set("Content-Type", mediaJSON)
				req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", i%10, i/10%100, i/1000%10))
				resp, err := client.Do(req)
				if err != nil {
					a.t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				mu.Lock()
				codes[resp.StatusCode]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	client.CloseIdleConnections()
	return codes
}

// behindProxy trusts the X-Forwarded-For of this machine.
const behindProxy = "trusted_proxies: [127.0.0.1]\n"

// One person is signed up by everybody, in every spelling, and gets three emails; others get theirs meanwhile.
func TestAFloodOfSignupsSendsAPersonFewEmails(t *testing.T) {
	t.Parallel()
	n := size(3_000, 1_000_000)
	relay := newSMTPServer(t, nil)
	e := newEnv(t, redisServer(t).url())
	e.relayAddr, e.topYAML, e.perAddress = relay.addr, behindProxy+unlimited, "3/24h"
	_, a := e.spawn(e.listen)
	flooding, slowest := make(chan map[int]int), time.Duration(0)
	begun := time.Now()
	go func() { flooding <- a.flood(n, func(r *rand.Rand, _ int) string { return spelling(r) }) }()
	var codes map[int]int
	bystanders := 0
	for codes == nil {
		email := fmt.Sprintf("bystander%d@people.test", bystanders)
		asked := time.Now()
		if code := a.SignUp(email); code != http.StatusAccepted {
			t.Fatalf("a bystander's signup returns %d", code)
		}
		a.eventually("the email to "+email, func() bool { return len(relay.arrivedAt(email)) > 0 })
		slowest = max(slowest, time.Since(asked))
		bystanders++
		select {
		case codes = <-flooding:
		case <-time.After(100 * time.Millisecond):
		}
	}
	if codes[http.StatusAccepted] != n {
		t.Errorf("the flood was answered %v", codes)
	}
	emails, _ := relay.emails()
	if emails -= bystanders; emails != 3 {
		t.Errorf("the person got %d emails", emails)
	}
	if slowest > 10*time.Second {
		t.Errorf("a bystander waited for %v", slowest)
	}
	t.Logf("%d signups for one mailbox in %v: %d emails; the slowest of %d bystanders waited for %v", n,
		time.Since(begun).Round(time.Millisecond),
		emails, bystanders, slowest.Round(time.Millisecond))
}

// The site's limit is exact. A signup of an address that is known counts as any other, because what a signup took is
// never given back: a refund would tell a stranger who is known.
func TestTheLimitOfASiteIsExactAndCountsEverySignup(t *testing.T) {
	budget, n := size(200, 20_000), size(600, 100_000)
	relay := newSMTPServer(t, nil)
	e := newEnv(t, redisServer(t).url())
	e.relayAddr, e.topYAML, e.perSite = relay.addr, behindProxy+unlimited, fmt.Sprintf("%d/24h", budget)
	c := e.core()
	_, a := e.spawn(e.listen)
	known := budget / 2
	first := a.flood(known, func(_ *rand.Rand, i int) string { return addressOf(i) })
	again := a.flood(n, func(_ *rand.Rand, i int) string { return addressOf(i % known) })
	others := a.flood(n, func(_ *rand.Rand, i int) string { return addressOf(known + i) })
	if first[202] != known || again[202] != budget-known || again[503] != n-again[202] || others[503] != n {
		t.Errorf("the first return %v, their repetitions %v, others %v; the limit is %d", first, again, others, budget)
	}
	e.eventually(10*time.Minute, "the emails",
		func() bool { _, different := relay.emails(); return different >= known })
	e.eventually(time.Minute, "their records",
		func() bool { return countOf(t, c.store, consent.CountEmails) >= int64(known) })
	if all, different := relay.emails(); all != known || different != known {
		t.Errorf("%d emails came, %d different ones; want one for each of %d addresses", all, different, known)
	}
	t.Logf("%d signups of %d addresses: %d accepted, exactly the limit", known+2*n, known+n, budget)
}
