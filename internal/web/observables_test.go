package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// No public call tells anybody what is known of an address. What a stranger can see of a call is its answer, its time
// (timing_test.go), and what is left of limits afterwards; and the calls of the store are much of its time. Each call
// is made for an address of which nothing is known, and for one in each of knownStates, and all that is compared.

// recordedStore is a store that writes down how it is called.
type recordedStore struct {
	store.Store
	mu    sync.Mutex
	calls []string
}

// recordedMethods is how many methods of a store are recorded: all but Ready, Close and those of store.Queue and
// store.Marks, which are called by workers and at start, and never by a public call.
const recordedMethods = 14

func (s *recordedStore) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// read returns the calls since it was last read.
func (s *recordedStore) read() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, s.calls = s.calls, nil
	return all
}

func taken(buckets []store.Bucket) (names []string) {
	for _, b := range buckets {
		names = append(names, fmt.Sprint(b.Name, b.Limits))
	}
	return names
}

func (s *recordedStore) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	return s.UpdateFrom(ctx, store.Record{Key: key}, f)
}

func (s *recordedStore) UpdateFrom(ctx context.Context, known store.Record,
	f func(store.Record) (store.Change, error)) error {
	var last store.Change
	err := s.Store.UpdateFrom(ctx, known, func(r store.Record) (c store.Change, err error) {
		last, err = f(r)
		return last, err
	})
	line := fmt.Sprintf("update: put %v, erase %v, %d jobs", last.Put != nil, last.Erase, len(last.Enqueue))
	for _, job := range last.Enqueue {
		line += " in " + string(job.Queue)
	}
	if last.Acquire != nil {
		line += fmt.Sprint(", takes of ", taken(last.Acquire.Buckets))
	}
	s.note(line)
	return err
}

func (s *recordedStore) Find(ctx context.Context, key store.Key) (store.Record, error) {
	s.note("find")
	return s.Store.Find(ctx, key)
}

func (s *recordedStore) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	s.note(fmt.Sprint("find ", len(keys)))
	return s.Store.FindAll(ctx, keys...)
}

func (s *recordedStore) AddAll(ctx context.Context, all ...store.Record) (int, error) {
	s.note(fmt.Sprint("add ", len(all)))
	return s.Store.AddAll(ctx, all...)
}

func (s *recordedStore) List(ctx context.Context, q store.Query) (store.Page, error) {
	s.note("list")
	return s.Store.List(ctx, q)
}

func (s *recordedStore) InState(ctx context.Context, site, state string) (int, error) {
	s.note("count those in a state")
	return s.Store.InState(ctx, site, state)
}

func (s *recordedStore) Acquire(ctx context.Context, taker string, all ...store.Bucket) ([]time.Duration, error) {
	s.note(fmt.Sprint("acquire of ", taken(all)))
	return s.Store.Acquire(ctx, taker, all...)
}

func (s *recordedStore) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	s.note(fmt.Sprint("set a cell for ", d))
	return s.Store.SetNX(ctx, name, value, d)
}

func (s *recordedStore) Get(ctx context.Context, name string) ([]byte, error) {
	s.note("get a cell")
	return s.Store.Get(ctx, name)
}

func (s *recordedStore) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	s.note(fmt.Sprintf("swap a cell of %d bytes for %v", len(value), d))
	return s.Store.CompareAndSwap(ctx, name, old, value, d)
}

func (s *recordedStore) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	s.note("counts")
	return s.Store.Counts(ctx, site, by, from, to)
}

func (s *recordedStore) PutText(ctx context.Context, sum string, text []byte) error {
	s.note("put a text")
	return s.Store.PutText(ctx, sum, text)
}

func (s *recordedStore) Text(ctx context.Context, sum string) ([]byte, error) {
	s.note("text")
	return s.Store.Text(ctx, sum)
}

// stranger is somebody who sends requests and watches.
type stranger struct {
	*env
	recorded *recordedStore
	email    string // the address that they want to know of
	link     string // the path of its link, /c/…, or where it has none of that of another
	forged   string // with another signature
	seen     []string
}

// observed returns an env with an address in a state, and a stranger who is about to try it at a server of its own: one
// whose store is recorded, and whose options may differ.
func observed(t *testing.T, state string, change func(*Options)) *stranger {
	t.Helper()
	s := &stranger{env: newEnv(t), recorded: &recordedStore{}}
	_, s.link = s.knownAs("pending", "other.example")
	if s.email = "unknown@b.example"; state != "unknown" {
		var own string
		if s.email, own = s.knownAs(state, "b.example"); own != "" {
			s.link = own
		}
	}
	s.forged = forge(s.link)
	o := s.web.Options
	s.recorded.Store, o.Store = s.store, s.recorded
	o.Service, o.Surge = serviceWith(t, o, rules()), surgeOf(&o, surge.Site{Policy: surge.ChallengeNever})
	o.Webhooks = endpointsOf(t, o, s.store)
	if change != nil {
		change(&o)
	}
	must(t, o.Service.PutStatements(t.Context()))
	var err error
	s.web, err = newApp(o)
	must(t, err)
	s.http.Close()
	s.http = httptest.NewUnstartedServer(nil)
	s.http.Config = HTTPServer("", s.web.echo)
	s.http.Start()
	t.Cleanup(s.http.Close)
	s.recorded.read()
	return s
}

// forge returns the path of a link with one letter of its signature changed.
func forge(link string) string {
	b := []byte(link)
	if at := len(b) - 9; b[at] == 'x' {
		b[at] = 'y'
	} else {
		b[at] = 'x'
	}
	return string(b)
}

// randomWork are the members of a challenge that are new each time.
var randomWork = regexp.MustCompile(`"(challenge|salt|signature)":"[^"]*"`)

// try sends a request and notes all that can be seen of it.
func (s *stranger) try(method, path, body string, headers ...string) answer {
	s.Helper()
	a := s.send(method, path, body, headers...)
	typed, err := address.Parse(s.email)
	must(s, err)
	line := strings.NewReplacer(
		s.email, "ADDRESS", url.QueryEscape(s.email), "ADDRESS",
		url.QueryEscape(typed.Masked()), "MASKED", strings.TrimPrefix(s.forged, "/c/"), "TOKEN",
	).Replace(comparable(a))
	line = randomWork.ReplaceAllString(line, `"$1":"RANDOM"`)
	s.seen = append(s.seen, line+"\nstore: "+strings.Join(s.recorded.read(), "; "))
	return a
}

// signUpAs signs an address up from an IP.
func (s *stranger) signUpAs(email, ip string, headers ...string) answer {
	s.Helper()
	return s.try("POST", signupPath, `{"email":"`+email+`","consent":true}`,
		append(headers, "Content-Type", request.MediaJSON, "X-Forwarded-For", ip)...)
}

// left notes how many signups of others there is room for, and how the next is refused.
func (s *stranger) left(ip func(n int) string) {
	s.Helper()
	for n := range 50 {
		if a := s.signUpAs(fmt.Sprintf("other%d@c.example", n), ip(n)); a.status != http.StatusAccepted {
			s.seen = append(s.seen, fmt.Sprint("room for ", n))
			return
		}
	}
	s.Fatal("the limit has no end")
}

const probingIP = "203.0.113.7"

func sameIP(int) string    { return probingIP }
func otherIP(n int) string { return fmt.Sprintf("198.51.%d.7", n) }

// situation is something that a stranger does.
type situation struct {
	change func(*Options) // nil: as rules and shown say
	later  time.Duration  // after the address got its state
	do     func(*stranger)
}

// emailsOf limits the emails of the site and of the service.
func emailsOf(t *testing.T, site, all []store.Limit) func(*Options) {
	return func(o *Options) {
		sites := rules()
		sites[0].EmailsPerSite = site
		var err error
		o.Service, err = confirm.New(confirm.Options{
			Store: o.Store.(store.Store), Keyring: o.Keyring, PublicURL: o.PublicURL, Sites: sites, Emails: all,
			Now: o.Now,
		})
		must(t, err)
	}
}

// signupsOf limits the signups of an IP and of a network.
func signupsOf(ip, network []store.Limit) func(*Options) {
	return func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP, g.Limits.SignupsPerNetwork = ip, network
		o.Sites["gazette"] = g
	}
}

// signupSituations are those of POST /v1/sites/{site}/subscriptions.
func signupSituations(t *testing.T) map[string]situation {
	dozen := []store.Limit{{N: 12, Per: time.Hour}}
	large := []store.Limit{{N: 12, Per: time.Hour}, {N: 10_000, Per: 24 * time.Hour}} // in slices
	sign := func(s *stranger) { s.signUpAs(s.email, probingIP) }
	form := func(headers ...string) func(*stranger) {
		return func(s *stranger) {
			s.try("POST", signupPath, url.Values{"email": {s.email}, "consent": {"on"}}.Encode(),
				append(headers, "Content-Type", request.MediaForm)...)
		}
	}
	hosted := func(s *stranger) {
		s.try("POST", signupPath, s.hosted("gazette", url.Values{"email": {s.email}, "consent": {"on"}}.Encode()),
			"Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL,
			"Cookie", "__Host-optin=AAAAAAAAAAAAAAAAAAAAAA")
	}
	untilFull := func(ip func(int) string) func(*stranger) {
		return func(s *stranger) { sign(s); sign(s); s.left(ip) }
	}
	withKey := func(s *stranger) {
		s.signUpAs(s.email, probingIP, "Idempotency-Key", "k")
		s.signUpAs(s.email, probingIP, "Idempotency-Key", "k")
		s.signUpAs("another@b.example", probingIP, "Idempotency-Key", "k")
		s.left(sameIP)
	}
	challenged := func(s *stranger) {
		send := func(proof string) {
			s.try("POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, s.email, proof),
				"Content-Type", request.MediaJSON)
		}
		proof := s.proof("gazette")
		s.recorded.read()
		for _, p := range []string{"bm9uc2Vuc2U=", proof, proof} {
			send(p)
		}
	}
	return map[string]situation{
		"JSON":                                  {nil, 0, sign},
		"JSON, once more emails are allowed":    {nil, 11 * time.Minute, sign},
		"again and again":                       {nil, 0, func(s *stranger) { sign(s); sign(s); sign(s) }},
		"a form":                                {nil, 0, form("Accept", "text/html")},
		"a website's form":                      {nil, 0, form("Origin", "https://gazette.example")},
		"a form of a page that may not":         {nil, 0, form("Origin", "https://evil.example")},
		"our own page":                          {nil, 0, hosted},
		"what is left of the site's emails":     {emailsOf(t, dozen, nil), 2 * time.Hour, untilFull(otherIP)},
		"what is left of the service's emails":  {emailsOf(t, nil, dozen), 2 * time.Hour, untilFull(otherIP)},
		"what is left of many emails":           {emailsOf(t, large, nil), 2 * time.Hour, untilFull(otherIP)},
		"what is left to an IP":                 {signupsOf(dozen, nil), 2 * time.Hour, untilFull(sameIP)},
		"what is left to a network":             {signupsOf(nil, dozen), 2 * time.Hour, untilFull(sameIP)},
		"with an Idempotency-Key":               {signupsOf(dozen, nil), 2 * time.Hour, withKey},
		"where a challenge is always required":  {asking(always), 0, challenged},
		"where many signups begin a surge":      {asking(oneIsMany), 2 * time.Hour, untilFull(otherIP)},
		"while the store does not keep records": {nil, 0, func(s *stranger) { s.say(store.ErrUnavailable); sign(s) }},
	}
}

// publicCalls is what a stranger can do at each public route, by method and pattern; HEAD is as GET. Who has a link is
// no stranger, so those of links are made with a forged one.
func publicCalls() map[string]func(*stranger) {
	link := func(method, before, after string) func(*stranger) {
		return func(s *stranger) {
			for _, accept := range []string{"text/html", request.MediaJSON} {
				s.try(method, before+strings.TrimPrefix(s.forged, "/c/")+after, "", "Accept", accept)
			}
		}
	}
	always := func(method, path string) func(*stranger) {
		return func(s *stranger) {
			s.try(method, path, "", "Origin", "https://gazette.example", "Access-Control-Request-Method", "POST")
		}
	}
	return map[string]func(*stranger){
		"POST /v1/sites/{site}/subscriptions": func(s *stranger) { // more of it in signupSituations
			s.signUpAs(s.email, probingIP)
		},
		"OPTIONS /v1/sites/{site}/subscriptions": always("OPTIONS", signupPath),
		"GET /v1/sites/{site}/challenge": func(s *stranger) {
			a := s.send("GET", "/v1/sites/gazette/challenge", "") // its numbers are random
			s.seen = append(s.seen, fmt.Sprint(a.status, s.recorded.read()))
		},
		"GET /s/{site}": func(s *stranger) {
			a := s.send("GET", "/s/gazette?email="+url.QueryEscape(s.email), "")
			form := a.formOf(s)
			form.Del(fieldStamp) // the time
			s.seen = append(s.seen, fmt.Sprint(a.status, strings.ReplaceAll(form.Encode(), s.email, "ADDRESS"),
				s.recorded.read()))
		},
		"GET /s/{site}/sent":         always("GET", "/s/gazette/sent"),
		"GET /c/{token}":             link("GET", "/c/", ""),
		"POST /c/{token}":            link("POST", "/c/", ""),
		"GET /c/{token}/decline":     link("GET", "/c/", "/decline"),
		"POST /c/{token}/decline":    link("POST", "/c/", "/decline"),
		"GET /c/{token}/unblock":     link("GET", "/c/", "/unblock"),
		"POST /c/{token}/unblock":    link("POST", "/c/", "/unblock"),
		"GET /c/{token}/renew":       link("GET", "/c/", "/renew"),
		"POST /c/{token}/renew":      link("POST", "/c/", "/renew"),
		"GET /u/{token}":             link("GET", "/u/", ""),
		"POST /u/{token}":            link("POST", "/u/", ""),
		"GET /u/{token}/receipt":     link("GET", "/u/", "/receipt"),
		"GET /u/{token}/copy":        link("GET", "/u/", "/copy"),
		"POST /u/{token}/copy":       link("POST", "/u/", "/copy"),
		"GET /u/{token}/erase":       link("GET", "/u/", "/erase"),
		"POST /u/{token}/erase":      link("POST", "/u/", "/erase"),
		"GET /r/{token}":             link("GET", "/r/", ""),
		"POST /r/{token}":            link("POST", "/r/", ""),
		"GET /v1/receipts/{id}":      always("GET", "/v1/receipts/"+strings.Repeat("A", 22)),
		"GET /.well-known/jwks.json": always("GET", "/.well-known/jwks.json"),
		"GET /v1/sites/{site}/words": func(s *stranger) {
			s.try("GET", "/v1/sites/gazette/words?email="+url.QueryEscape(s.email), "")
		},
		"GET /log/checkpoint":           always("GET", "/log/checkpoint"),
		"GET /log/tile/{tile}":          always("GET", "/log/tile/0/000"),
		"GET /texts/{sha256}":           always("GET", "/texts/"+strings.Repeat("0", 64)),
		"GET " + embedPath:              always("GET", embedPath),
		"GET " + versioned(embedPath):   always("GET", versioned(embedPath)),
		"GET " + elementPath:            always("GET", elementPath),
		"GET " + versioned(elementPath): always("GET", versioned(elementPath)),
		"GET " + challengePath:          always("GET", challengePath),
		"GET /assets/{name}":            always("GET", "/assets/optin.css"),
		"GET /healthz":                  always("GET", "/healthz"),
		"GET /readyz":                   always("GET", "/readyz"),
		"GET /openapi.yaml":             always("GET", "/openapi.yaml"),
		"GET /docs":                     always("GET", "/docs"),
		"GET /":                         always("GET", "/"),
	}
}

func TestNoPublicCallTellsWhatIsKnownOfAnAddress(t *testing.T) {
	calls := publicCalls()
	for _, r := range newEnv(t).routes() {
		call := strings.Replace(r.method, "HEAD", "GET", 1) + " " + r.pattern
		if r.key() == "" && calls[call] == nil {
			t.Errorf("%s is public, and not in this test's table", call)
		}
	}
	for name, sit := range signupSituations(t) {
		t.Run("a signup, "+name, func(t *testing.T) {
			t.Parallel()
			sit.compare(t)
		})
	}
	// The other calls change nothing, so one server serves them all.
	t.Run("every other call", func(t *testing.T) {
		t.Parallel()
		situation{do: func(s *stranger) {
			for _, call := range slices.Sorted(maps.Keys(calls)) {
				s.seen = append(s.seen, call)
				calls[call](s)
			}
		}}.compare(t)
	})
}

// compare compares what a stranger sees of an address in each state with what they see of one that is not known.
func (sit situation) compare(t *testing.T) {
	t.Helper()
	var want []string
	for _, state := range append([]string{"unknown"}, knownStates...) {
		s := observed(t, state, sit.change)
		s.clock.pass(sit.later)
		sit.do(s)
		if want == nil {
			want = s.seen
		}
		if diff := cmp.Diff(want, s.seen); diff != "" || len(s.seen) == 0 {
			t.Errorf("it tells of an address that it is %s:\n%s", state, diff)
		}
	}
}

// The holder of a link is told what is known. What that takes of the limits, which everybody sees, says nothing.
func TestWhatARenewalTakesOfLimitsTellsNothing(t *testing.T) {
	dozen := []store.Limit{{N: 12, Per: time.Hour}}
	for name, change := range map[string]func(*Options){
		"of the site's emails": emailsOf(t, dozen, nil), "of the service's emails": emailsOf(t, nil, dozen),
		"of an IP's signups": signupsOf(dozen, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []string
			for _, state := range slices.DeleteFunc(slices.Clone(knownStates),
				func(state string) bool { return state == "full" }) { // nobody has a link of its
				s := observed(t, state, change)
				s.send("POST", s.link+"/renew", "", "X-Forwarded-For", probingIP)
				s.recorded.read()
				s.left(sameIP)
				if want == nil {
					want = s.seen
				}
				if diff := cmp.Diff(want, s.seen); diff != "" {
					t.Errorf("%s: %s", state, diff)
				}
			}
		})
	}
}

func TestEveryMethodOfAStoreIsRecorded(t *testing.T) {
	all := reflect.TypeFor[store.Store]().NumMethod()
	others := reflect.TypeFor[store.Queue]().NumMethod() + reflect.TypeFor[store.Marks]().NumMethod() + 2
	if all-others != recordedMethods {
		t.Errorf("a store has %d methods, %d of them not for acts; %d are recorded", all, others, recordedMethods)
	}
}
