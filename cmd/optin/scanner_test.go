package main

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// scan is a request of a machine to a link.
type scan struct {
	name   string
	method string
	query  string // put after the link
	body   string
	header http.Header
	want   []int // statuses
}

// scanners are the requests of mail scanners, link previews, prefetchers, and pages of other sites that make a browser
// post.
func scanners() []scan {
	const get, post = http.MethodGet, http.MethodPost
	form := "application/x-www-form-urlencoded"
	return []scan{
		{name: "a look", method: get, want: []int{200}},
		{name: "a look at the head", method: http.MethodHead, want: []int{200}},
		{name: "a question for the methods", method: http.MethodOptions, want: []int{204, 405}},
		{name: "a prefetch", method: get, header: http.Header{"Purpose": {"prefetch"}}, want: []int{200}},
		{name: "a prefetch of today", method: get, header: http.Header{"Sec-Purpose": {"prefetch;prerender"}},
			want: []int{200}},
		{name: "a prefetch of old", method: get, header: http.Header{"X-Moz": {"prefetch"}}, want: []int{200}},
		{name: "a program's look", method: get, header: http.Header{"Accept": {"application/json"}}, want: []int{200}},
		{name: "a query that confirms", method: get, query: "?confirm=true", want: []int{200}},
		{name: "a query with a method", method: get, query: "?_method=POST", want: []int{200}},
		{name: "a look that says post", method: get, header: http.Header{"X-Http-Method-Override": {"POST"}},
			want: []int{200}},
		{name: "a look that says post otherwise", method: get,
			header: http.Header{"X-Http-Method": {"POST"}, "X-Method-Override": {"POST"}}, want: []int{200}},
		{name: "a look with a body", method: get, body: "_method=POST", header: http.Header{"Content-Type": {form}},
			want: []int{200}},
		{name: "a head that says post", method: http.MethodHead,
			header: http.Header{"X-Http-Method-Override": {"POST"}}, want: []int{200}},
		{name: "a post of a page elsewhere", method: post, header: http.Header{
			"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"},
			"Content-Type": {form},
		}, want: []int{403}},
		{name: "a post of a page elsewhere, in an old browser", method: post,
			header: http.Header{"Origin": {"https://evil.example"}}, want: []int{403}},
		{name: "a post of a page elsewhere that hides its name", method: post, header: http.Header{
			"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"},
		}, want: []int{403}},
		{name: "a post of a page of a neighbour", method: post, header: http.Header{"Sec-Fetch-Site": {"same-site"}},
			want: []int{403}},
		{name: "a put", method: http.MethodPut, body: "{}", want: []int{405}},
		{name: "a patch", method: http.MethodPatch, body: "{}", want: []int{405}},
		{name: "a delete", method: http.MethodDelete, want: []int{405}},
		{name: "a delete that says post", method: http.MethodDelete,
			header: http.Header{"X-Http-Method-Override": {"POST"}}, want: []int{405}},
		{name: "a method that nobody knows", method: "CONFIRM", want: []int{405}},
	}
}

func TestScannersAndPrefetchersConfirmNobody(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		e.endpoint = newEndpoint(t)
		e.siteYAML = e.endpoint.yaml()
		p, a := e.spawn(e.listen)
		a.SignUp("ada@people.test")
		link := confirmLink(a.Email("ada@people.test"))
		for _, s := range scanners() {
			a.scan(s, link)
		}
		a.postBrokenLinks(link)
		if calls := e.endpoint.eventsAbout("ada@people.test"); len(calls) != 0 {
			t.Errorf("the website got %+v", calls)
		}
		if code, state := a.Confirm(link); code != http.StatusOK || state != "confirmed" ||
			a.Lookup("ada@people.test").State != "confirmed" {
			t.Errorf("the person's own confirmation returns %d %q", code, state)
		}
		e.finishAll([]*process{p}, []*actor{a})
		if calls := e.endpoint.eventsAbout("ada@people.test"); len(calls) != 1 ||
			calls[0].Type != "subscription.confirmed" {
			t.Errorf("the website got %+v", calls)
		}
		if n := e.emailsTo("ada@people.test"); n != 1 {
			t.Errorf("all requests made %d emails", n)
		}
	})
}

// scan sends the requests of one scanner, and checks that nothing has changed.
func (a *actor) scan(s scan, link string) {
	a.t.Helper()
	for range size(50, 500) {
		if status := a.send(s, path(link)+s.query); !slices.Contains(s.want, status) {
			a.t.Errorf("%s is answered %d, want %v", s.name, status, s.want)
			break
		}
	}
	if state := a.Lookup("ada@people.test").State; state != "pending" {
		a.t.Fatalf("%s made the address %q", s.name, state)
	}
}

// postBrokenLinks posts links that a mail program has broken: without their end, without their beginning, with a wrong
// end.
func (a *actor) postBrokenLinks(link string) {
	a.t.Helper()
	token := strings.TrimPrefix(path(link), "/c/")
	broken := []string{strings.ToUpper(token), token + ".", token + "A", token + "%0A", token + "=", "undefined",
		"null", "%7B%7D", "0"}
	for i := 1; i < len(token); i++ {
		broken = append(broken, token[:i])
		if i%7 == 0 {
			broken = append(broken, token[i:])
		}
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if !strings.HasSuffix(token, string(c)) {
			// base64 that decodes to the same bytes is among these
			broken = append(broken, token[:len(token)-1]+string(c))
		}
	}
	for _, b := range broken {
		if status := a.send(scan{method: http.MethodPost}, "/c/"+b); status != http.StatusNotFound {
			a.t.Fatalf("a post to /c/%s is answered %d", b, status)
		}
	}
	if state := a.Lookup("ada@people.test").State; state != "pending" {
		a.t.Fatalf("a broken link made the address %q", state)
	}
}

// send sends a scanner's request to a path without following redirects, and returns the status.
func (a *actor) send(s scan, where string) int {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), s.method, a.base, strings.NewReader(s.body))
	if err != nil {
		a.t.Fatal(err)
	}
	if req.URL, err = url.Parse(a.base + where); err != nil {
		a.t.Fatal(err)
	}
	for name, values := range s.header {
		req.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
