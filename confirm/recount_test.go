package confirm_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
)

// ledger is what a test did, counted by itself: by period, time, name, dimension and value.
type ledger map[string]int64

func (l ledger) add(at time.Time, name string, n int64) {
	if n == 0 {
		return
	}
	for by := store.ByDay; by <= store.ByMinute; by++ {
		l[line(by, store.Count{At: by.Start(at), Name: name})] += n
	}
}

func (l ledger) addBy(at time.Time, name, by, of string) {
	l[line(store.ByDay, store.Count{At: store.ByDay.Start(at), Name: name, By: by, Of: of})]++
}

func line(by store.CountPeriod, c store.Count) string {
	return fmt.Sprint(by, c.At.Format(" 2006-01-02T15:04 "), c.Name, " ", c.By, " ", c.Of)
}

// actor is somebody who signed up in a random history.
type actor struct {
	email, form, locale, provider string
	signedUp                      time.Time
	purposes, confirmed           []string
	link                          string // of the email, once it came
	closed, erased                bool
}

// randomHistory acts at random, and keeps a ledger.
type randomHistory struct {
	*env
	rand   *rand.Rand
	ledger ledger
	people map[string]*actor // by address
	steps  int
}

// TestEveryFigureEqualsARecount does random things for some days, erasures among them, and compares every counter with
// what was done.
func TestEveryFigureEqualsARecount(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, func(*confirm.Options)) *env{
		"SQLite": newEnvWith,
		"Redis":  newEnvOnRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				env := open(t, func(o *confirm.Options) {
					o.Sites[0].Forms = map[string]bool{"footer": true, "shop": true}
				})
				env.now = time.Now().UTC().Truncate(time.Millisecond)
				h := &randomHistory{
					env: env, rand: rand.New(rand.NewPCG(seed, 12)), ledger: ledger{}, people: map[string]*actor{},
				}
				for range 150 {
					h.step()
				}
				h.compare(seed)
			}
		})
	}
}

// newEnvOnRedis is newEnvWith on a Redis server of its own.
func newEnvOnRedis(t *testing.T, change func(*confirm.Options)) *env {
	t.Helper()
	childtest.Need(t, "redis-server")
	addr := childtest.FreeAddr(t)
	at, err := url.Parse("redis://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command("redis-server", "--port", at.Port(), "--bind", at.Hostname(), "--save", "")
	server.Dir = t.TempDir()
	childtest.DieWithParent(server)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Process.Kill(), server.Wait() })
	location, err := store.ParseLocation("redis://" + addr + "/0?durability=none")
	if err != nil {
		t.Fatal(err)
	}
	st, err := redis.Open(t.Context(), redis.Options{Location: location})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	for end := time.Now().Add(10 * time.Second); st.Ready(t.Context()) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer")
		}
	}
	env := newEnvWith(t, func(o *confirm.Options) { o.Store = st; change(o) })
	env.store = st
	return env
}

// step does one thing.
func (h *randomHistory) step() {
	h.later(time.Duration(h.rand.Int64N(int64(2 * time.Hour))))
	h.steps++
	switch n := h.rand.IntN(100); {
	case n < 45:
		h.signsUp()
	case n < 60:
		h.mails()
	case n < 75:
		h.confirms()
	case n < 80:
		h.declines()
	case n < 88:
		h.withdraws()
	case n < 93:
		h.expires()
	default:
		h.erases()
	}
}

func (h *randomHistory) signsUp() {
	h.t.Helper()
	providers := map[string]string{
		"gmail.com": "gmail.com", "googlemail.com": "gmail.com", "yahoo.fr": "yahoo", "lovelace.example": "other",
	}
	domain := pick(h.rand, slices.Sorted(maps.Keys(providers)))
	a := &actor{
		email: fmt.Sprintf("ada%d@%s", h.steps, domain), provider: providers[domain], signedUp: h.now,
		form: pick(h.rand, []string{"", "footer", "shop", "unknown"}), locale: pick(h.rand, []string{"fr", "en"}),
		purposes: pick(h.rand, [][]string{{"letter"}, {"offers"}, {"letter", "offers"}}),
	}
	s := signupOf(a.email, a.purposes...)
	s.Locale, s.Evidence.Form = a.locale, a.form
	h.must(h.Person.SignUp(h.t.Context(), "gazette", s))
	h.people[a.email] = a
	h.count(a, consent.CountSignups, a.purposes)
}

// count writes down a signup, or a confirmation of some purposes.
func (h *randomHistory) count(a *actor, name string, purposes []string) {
	h.t.Helper()
	h.ledger.add(h.now, name, 1)
	for _, id := range purposes {
		h.ledger.addBy(h.now, name, "purpose", id)
		h.ledger.addBy(h.now, name, "text", consent.TextValue(h.StatementSum("gazette", id, a.locale)))
	}
	form := a.form
	if form != "footer" && form != "shop" {
		form = "other"
	}
	h.ledger.addBy(h.now, name, "form", form)
	h.ledger.addBy(h.now, name, "language", a.locale)
	h.ledger.addBy(h.now, name, "provider", a.provider)
}

func (h *randomHistory) mails() {
	h.t.Helper()
	for _, job := range h.emailJobs() {
		m, err := h.Relay.Message(h.t.Context(), job)
		if err != nil { // of somebody who was erased, or whose request has expired
			h.must(h.store.End(h.t.Context(), job, store.Complete()))
			continue
		}
		a := h.people[m.To.String()]
		if h.rand.IntN(8) == 0 {
			h.must(h.Relay.Undeliverable(h.t.Context(), job, "550 no such user"))
			a.closed = true
			h.ledger.add(h.now, consent.CountUndeliverable, 1)
			h.ledger.addBy(h.now, consent.CountUndeliverable, "provider", a.provider)
			continue
		}
		d := consent.Delivery{Reply: "250 ok", SHA256: "00", Unsigned: "00"}
		h.must(h.Relay.Delivered(h.t.Context(), job, nil, d))
		a.link = tokenOf(m.Confirm)
		h.ledger.add(h.now, consent.CountEmails, 1)
	}
}

// somebody returns one of those who are such, or nil.
func (h *randomHistory) somebody(such func(*actor) bool) *actor {
	var all []*actor
	for _, email := range slices.Sorted(maps.Keys(h.people)) {
		if a := h.people[email]; !a.erased && such(a) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return pick(h.rand, all)
}

func (a *actor) isMailed() bool { return a.link != "" && !a.closed }

func (h *randomHistory) confirms() {
	h.t.Helper()
	a := h.somebody((*actor).isMailed)
	if a == nil || h.now.Sub(a.signedUp) >= terms.TTL {
		return
	}
	chosen := a.purposes[:1+h.rand.IntN(len(a.purposes))]
	_, err := h.Person.Confirm(h.t.Context(), a.link, chosen, consent.Evidence{How: consent.ByLink})
	h.must(err)
	a.closed, a.confirmed = true, chosen
	h.count(a, consent.CountConfirmations, chosen)
	took := h.now.Sub(a.signedUp)
	h.ledger.add(h.now, consent.CountSeconds, int64(took/time.Second))
	for _, b := range consent.ConfirmTimeBuckets() {
		if took < b.Under {
			h.ledger.add(h.now, consent.CountWithin+b.Name, 1)
			break
		}
	}
}

func (h *randomHistory) declines() {
	h.t.Helper()
	if a := h.somebody((*actor).isMailed); a != nil && h.now.Sub(a.signedUp) < terms.TTL {
		_, err := h.Person.Decline(h.t.Context(), a.link, consent.Evidence{How: consent.ByLink})
		h.must(err)
		a.closed = true
		h.ledger.add(h.now, consent.CountDeclines, 1)
	}
}

func (h *randomHistory) withdraws() {
	h.t.Helper()
	a := h.somebody(func(a *actor) bool { return len(a.confirmed) > 0 })
	if a == nil {
		return
	}
	some := a.confirmed[:1+h.rand.IntN(len(a.confirmed))]
	_, err := h.Website.Withdraw(h.t.Context(), "gazette", h.id(a.email), some, consent.Evidence{})
	h.must(err)
	h.ledger.add(h.now, consent.CountWithdrawals, 1)
	for _, id := range some {
		h.ledger.addBy(h.now, consent.CountWithdrawals, "purpose", id)
	}
	a.confirmed = a.confirmed[len(some):]
}

// expires ends requests that are past their deadline, as every action does: a server's timers go by its own clock.
func (h *randomHistory) expires() {
	h.t.Helper()
	for _, email := range slices.Sorted(maps.Keys(h.people)) {
		a := h.people[email]
		if a.closed || a.erased || h.now.Sub(a.signedUp) < terms.TTL {
			continue
		}
		_, err := h.Website.Withdraw(h.t.Context(), "gazette", h.id(a.email), nil, consent.Evidence{})
		h.must(err)
		a.closed = true
		h.ledger.add(h.now, consent.CountExpiries, 1)
	}
}

func (h *randomHistory) erases() {
	h.t.Helper()
	a := h.somebody(func(a *actor) bool { return h.now.Sub(a.signedUp) < terms.TTL || a.closed })
	if a != nil && h.state(a.email) != "" {
		h.must(h.Website.Erase(h.t.Context(), "gazette", h.id(a.email)))
		a.erased = true
	}
}

// compare compares every counter with the ledger.
func (h *randomHistory) compare(seed uint64) {
	h.t.Helper()
	got, want := ledger{}, ledger{}
	since := func(by store.CountPeriod) time.Time { return by.Start(h.now.Add(-by.Kept())).Add(by.Length()) }
	for by := store.ByDay; by <= store.ByMinute; by++ {
		all, err := h.store.Counts(h.t.Context(), "gazette", by, since(by), h.now)
		h.must(err)
		for _, c := range all {
			got[line(by, c)] = c.N
		}
	}
	for key, n := range h.ledger {
		var by store.CountPeriod
		var at string
		_, err := fmt.Sscan(key, &by, &at)
		h.must(err)
		if at >= since(by).Format("2006-01-02T15:04") {
			want[key] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 100 {
		h.t.Errorf("seed %d: of %d counters (-recounted +counted):\n%s", seed, len(want), diff)
	}
}

func (h *randomHistory) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }
