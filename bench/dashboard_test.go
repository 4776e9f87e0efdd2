package bench

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const adminPassword = "the password of the benchmark's operators"

// measureDashboard measures what viewers cost whose pages keep themselves fresh, ten against one, and then the views of
// the dashboard with so many records while people sign up, each against a lookup made in turn with it, which is one
// read of the store.
func measureDashboard(s *subject, records int) {
	const views = 20
	operator := s.logIn()
	s.measureViewers(operator)
	release := s.relay.hold(s) // so that emails wait
	defer release()
	s.signUp(s, 16, 1000)
	known := s.people - 1
	person := s.personPath(operator, known)
	stop := s.keepSigningUp()
	for _, view := range []struct{ name, path string }{
		{"Now", "/admin"}, {"Pending", "/admin/pending"}, {"Pending of a domain", "/admin/pending?domain=m01.example"},
		{"Emails", "/admin/emails"}, {"Webhooks", "/admin/webhooks"}, {"Trends", "/admin/trends"},
		{"Trends of a month", "/admin/trends?span=30d"}, {"a person", person}, {"Audit", "/admin/audit"},
		{"Texts", "/admin/sites/gazette/texts"},
	} {
		page, lookup := make([]float64, views), make([]float64, views)
		for i := range views {
			page[i] = s.timed(get(view.path, operator))
			lookup[i] = s.timed(lookupOf(lookupPath, known))
		}
		s.against(fmt.Sprintf("dashboard with %d records: %s", records, view.name), "ms", median(page), "a lookup",
			median(lookup))
		s.add(fmt.Sprintf("dashboard with %d records: %s, the slowest of %d", records, view.name, views), "ms",
			maximum(page)).atMost(200)
	}
	stop()
}

func (s *subject) measureViewers(operator string) {
	s.quiet(s)
	for range rounds {
		one := s.viewers(operator, 1)
		ten := s.viewers(operator, 10)
		s.against("dashboard, ten viewers for four seconds, processor time", "ms", ten.cpu/1000, "one viewer",
			one.cpu/1000)
	}
}

// countViewers counts the commands that viewers cause.
func (s *subject) countViewers() {
	operator := s.logIn()
	calls := func(n int) float64 { return float64(len(s.redis.monitor(s, func() { s.viewers(operator, n) }))) }
	idle := calls(0)
	one, ten := calls(1)-idle, calls(10)-idle
	s.against("calls of the store: ten viewers for four seconds", "", ten, "one viewer", one).atMost(1.25)
}

func maximum(of []float64) (most float64) {
	for _, n := range of {
		most = max(most, n)
	}
	return most
}

// get returns a request of an operator's browser.
func get(path, cookie string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: optin\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", path, cookie)
}

// logIn returns the cookie of an operator's session.
func (s *subject) logIn() string {
	s.Helper()
	res := s.browse(post("/admin/login", "Content-Type: application/x-www-form-urlencoded\r\n",
		"user=operator&password="+strings.ReplaceAll(adminPassword, " ", "+")), http.StatusSeeOther)
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return cookie
}

// personPath returns the path of a person's page, as an operator finds it.
func (s *subject) personPath(operator string, person int) string {
	s.Helper()
	return s.browse(post("/admin/people", "Content-Type: application/x-www-form-urlencoded\r\nCookie: "+operator+"\r\n",
		"who="+strings.Replace(emailOf(person), "@", "%40", 1)), http.StatusSeeOther).Header.Get("Location")
}

// browse sends a request and returns the head of its response.
func (s *subject) browse(request []byte, want int) *http.Response {
	s.Helper()
	c := dial(s, s.addr)
	defer c.Close()
	_, err := c.Write(request)
	must(s, err)
	res, err := http.ReadResponse(c.in, nil)
	must(s, err)
	res.Body.Close()
	if res.StatusCode != want {
		s.Fatalf("%.80q: %d", request, res.StatusCode)
	}
	return res
}

// timed returns how long a request takes on a connection of its own, in ms.
func (s *subject) timed(request []byte) float64 {
	s.Helper()
	c := dial(s, s.addr)
	defer c.Close()
	began := time.Now()
	if status, body, err := c.exchange(request); err != nil || status != http.StatusOK {
		s.Fatalf("%.80q: %d, %v: %.300s", request, status, err, body)
	}
	return milliseconds(time.Since(began))
}

// keepSigningUp has people sign up, some hundreds a second, until stop is called.
func (s *subject) keepSigningUp() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
				s.signUp(s, 4, 8)
			}
		}
	}()
	return func() { close(end); <-ended }
}

// viewers measures so many operators who look at the first page for four seconds, each with a page that is loaded anew
// every second, which is twice as often as admin.js does it: so one of them alone sees all that is read of the store.
func (s *subject) viewers(operator string, n int) cost {
	return measure(s, func() load {
		end := time.Now().Add(4 * time.Second)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / time.Duration(n))
				for time.Now().Before(end.Add(-time.Second / 2)) {
					s.timed(get("/admin", operator))
					time.Sleep(time.Second)
				}
			})
		}
		time.Sleep(time.Until(end))
		all.Wait()
		return load{n: 1}
	}, s.processes()...)
}
