package bench

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// measurePeople has n people sign up and confirm, each with the link of their email, and websites look them up.
// accepted is what a signup of this round took.
func (s *subject) measurePeople(f floorCosts, accepted cost, n int) {
	people := s.people
	page, button := s.confirm(n)
	lookup := measure(s, func() load {
		return s.send(s, 16, 4*n, http.StatusOK, func(i int) []byte { return lookupOf(lookupPath, people+i%n) }, nil)
	}, s.processes()...)
	s.add("confirmation pages (GET), c=16", "/s", page.perSecond())
	s.add("confirmation page (GET), processor time", "µs", page.cpu)
	s.add("confirmations (POST), c=16", "/s", button.perSecond())
	s.against("confirmation (POST), processor time", "µs", button.cpu, "signup accepted", accepted.cpu).atMost(1.2)
	if s.redis == nil {
		s.against("lookups of known people, c=16", "/s", lookup.perSecond(), "echo parse", f.parse.perSecond())
		s.against("lookup, processor time", "µs", lookup.cpu, "echo parse", f.parse.cpu)
		return
	}
	s.against("lookups of known people, c=16", "/s", lookup.perSecond(), "echo + GET", f.get.perSecond()).atLeast(0.8)
	s.against("lookup, processor time", "µs", lookup.cpu, "echo + GET", f.get.cpu)
}

// confirm has n new people sign up, open the links of their emails and press the button.
func (s *subject) confirm(n int) (page, button cost) {
	people := s.people
	links := s.emailedLinks(n)
	stamps := make([]string, n)
	page = measure(s, func() load {
		return s.send(s, 16, n, http.StatusOK,
			func(i int) []byte { return pageOf(links[i].path, people+links[i].person) },
			func(i int, body []byte) { stamps[i] = between(string(body), `name="stamp" value="`, `"`) })
	}, s.processes()...)
	button = measure(s, func() load {
		return s.send(s, 16, n, http.StatusOK,
			func(i int) []byte { return buttonOf(links[i].path, stamps[i], people+links[i].person) }, nil)
	}, s.processes()...)
	return page, button
}

// measureLog measures what the consent log adds to a confirmation until that is acknowledged, which is its job in the
// same commit, and what a leaf takes afterwards, up to the signed checkpoint. A program with a log and one without
// confirm in turn, each on a store of its own; meanwhile the log is locked, so that its leaves wait. The difference is
// smaller than that of two rounds of the same program on a busy machine, so there are many rounds, and each program is
// the first in half of them.
func measureLog(s *subject) {
	with := newSubject(s.TB, s.report, s.floors, s.store)
	with.logged = true
	for _, each := range []*subject{s, with} {
		each.start(s)
		each.warm(s)
	}
	n := min(size(s, "OPTIN_BENCH_SIGNUPS", 1500), 500)
	const turns = 8
	for range rounds {
		unlock := with.lockLog(s)
		for turn := range turns {
			button := map[*subject]cost{}
			for i := range 2 {
				one := []*subject{s, with}[(turn+i)%2]
				_, button[one] = one.confirm(n)
			}
			s.against("confirmation (POST) with a consent log, processor time", "µs", button[with].cpu,
				"without a log", button[s].cpu).atMost(1.1)
		}
		leaf := measure(s, func() load {
			unlock()
			time.Sleep(time.Second) // the program looks again
			return load{n: turns * n}
		}, with.processes()...)
		s.add("leaf of the consent log, afterwards, processor time", "µs", leaf.cpu)
	}
}

// lockLog keeps the program from its consent log until unlock is called.
func (o *optin) lockLog(t testing.TB) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(o.logFolder(), "lock"), os.O_RDWR, 0)
	must(t, err)
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	return func() { must(t, f.Close()) }
}

// link is that of an email: its path, and whose it is.
type link struct {
	path   string
	person int
}

// emailedLinks has n new people sign up and returns the links of their emails, which come in any order. The people are
// counted from the first of them.
func (s *subject) emailedLinks(n int) (links []link) {
	people, began, before := s.people, time.Now(), s.relay.taken.Load()
	emails := s.relay.kept(func() {
		s.signUp(s, 16, n)
		s.sent(began, before+int64(n), n)
	})
	for _, email := range emails {
		l := linkOf(s, email)
		if l.person -= people; l.person < 0 || l.person >= n {
			s.Fatalf("an email of somebody else: %.2000s", email)
		}
		links = append(links, l)
	}
	return links
}

// linkOf returns the link of an email.
func linkOf(t testing.TB, email string) link {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(email))
	must(t, err)
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	must(t, err)
	plain, err := multipart.NewReader(m.Body, params["boundary"]).NextPart()
	must(t, err)
	text, err := io.ReadAll(plain)
	must(t, err)
	l := link{path: "/c/" + between(string(text), "/c/", "\r\n"), person: personOf(m.Header.Get("To"))}
	if l.path == "/c/" || l.person < 0 {
		t.Fatalf("this email has no link: %s", text)
	}
	return l
}
