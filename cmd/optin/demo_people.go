package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/operator"
)

// visitor is a made-up person of the demo, who signs up once.
type visitor struct {
	at       time.Time
	site     string
	purposes []string
	email    string
	locale   string
	form     string
	ip       string
	browser  string

	// What they do so long after they signed up; 0: they do not.
	confirms, declines, withdraws, complains, bounces time.Duration
}

// imagination makes visitors up. They are the same at every start.
type imagination struct {
	*rand.Rand
	n int
}

func newImagination() *imagination {
	return &imagination{Rand: rand.New(rand.NewPCG(12, 7))} // #nosec G404 -- nobody gains by foreseeing made-up people
}

// email returns an address that nobody has: of a made-up name, at a domain for examples (RFC 2606).
func (c *imagination) email() string {
	first := [...]string{
		"ada", "ben", "cleo", "dora", "emil", "flora", "gus", "hana", "ines", "juno", "kira", "leo", "mila", "nils",
		"olga", "paul", "quinn", "rosa", "sami", "tess", "uma", "vera", "wim", "yara", "zoe",
	}
	last := [...]string{
		"acorn", "birch", "cedar", "dahlia", "elder", "fern", "ginkgo", "hazel", "iris", "juniper", "laurel", "maple",
		"nettle", "olive", "poplar", "quince", "rowan", "sorrel", "thyme", "violet", "willow", "yarrow", "zinnia",
	}
	at := [...]string{
		"outlook.example", "yahoo.example", "gmx.example", "outlook.example", "live.example", "heron.example",
		"hotmail.example", "post.example", "school.example", "work.example", "gmx.example",
	}
	c.n++
	return fmt.Sprintf("%s.%s@%s", first[c.n%len(first)], last[c.n%len(last)], at[c.IntN(len(at))])
}

// visitor returns somebody who comes to a site at a time.
func (c *imagination) visitor(at time.Time) visitor {
	v := visitor{
		at: at, site: "demo", purposes: []string{"letter"}, locale: "en", email: c.email(),
		form: []string{"footer", "footer", "article", "article", "checkout"}[c.IntN(5)],
		ip:   fmt.Sprintf("198.51.100.%d", 1+c.IntN(254)), browser: "Mozilla/5.0 (a made-up browser)",
	}
	switch {
	case c.IntN(5) == 0:
		v.site, v.purposes = "market", []string{"offers"}
		if v.form == "article" {
			v.form = ""
		}
		if c.IntN(3) == 0 {
			v.purposes = append(v.purposes, "invitations")
		}
	case c.IntN(3) == 0:
		v.locale = "fr"
	}
	return v
}

// reads decides what a visitor does with the email. percent is how many of a hundred confirm.
func (c *imagination) reads(v visitor, percent int) visitor {
	if v.form == "checkout" {
		percent -= 18 // a box at the checkout is ticked by many who want something else
	}
	switch dice := c.IntN(100); {
	case dice < percent:
		v.confirms = c.delay()
		switch c.IntN(16) {
		case 0:
			v.withdraws = v.confirms + time.Duration(1+c.IntN(30))*13*time.Hour
		case 1:
			if c.IntN(4) == 0 {
				v.complains = v.confirms + 50*time.Hour
			}
		}
	case dice > 98:
		v.declines = c.delay()
	case dice > 96 && !strings.HasSuffix(v.email, "@heron.example"): // emails to there do not arrive
		v.bounces = 4 * time.Minute
	case dice > 93:
		v.email = "nobody." + v.email
	}
	return v
}

// delay returns how long somebody takes until they follow a link: most a minute or two, some a day.
func (c *imagination) delay() time.Duration {
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(c.Int64N(int64(to-from))) }
	switch dice := c.IntN(100); {
	case dice < 48:
		return between(25*time.Second, 2*time.Minute)
	case dice < 74:
		return between(2*time.Minute, 12*time.Minute)
	case dice < 86:
		return between(12*time.Minute, time.Hour)
	case dice < 96:
		return between(time.Hour, 12*time.Hour)
	}
	return between(12*time.Hour, 40*time.Hour)
}

// hour returns an hour at which people sign up: in the morning and in the evening above all.
func (c *imagination) hour() time.Duration {
	hours := [...]int{
		0, 6, 7, 7, 8, 8, 8, 9, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 18, 19, 19, 20, 20, 20, 21, 21, 22, 23,
	}
	return time.Duration(hours[c.IntN(len(hours))])*time.Hour + time.Duration(c.IntN(3600))*time.Second
}

// planPeople plans the people of all days: more and more of them, fewer at weekends.
func (p *past) planPeople() {
	c := newImagination()
	today := p.until.UTC().Truncate(24 * time.Hour)
	for day := pastDays; day >= 0; day-- {
		begins := today.AddDate(0, 0, -day)
		n := 4 + (pastDays-day)/12 + c.IntN(3)
		if d := begins.Weekday(); d == time.Saturday || d == time.Sunday {
			n /= 2
		}
		percent := 80
		if day >= oldWordingDays {
			percent = 66
		}
		for range n {
			p.visit(c.reads(c.visitor(begins.Add(c.hour())), percent))
		}
	}
	for i := range 9 { // their emails wait
		v := c.visitor(p.until.Add(-stuckFor * time.Duration(9-i) / 10))
		v.site, v.purposes, v.email = "demo", []string{"letter"}, fmt.Sprintf("reader%d@heron.example", i+1)
		p.visit(v)
	}
	// At a domain that answers: emails to one whose queue is full are not even tried while it is paused.
	for i, email := range []string{"full.rosa@post.example", "nobody.wim@work.example"} {
		v := c.visitor(p.until.Add(-time.Duration(7+20*i) * time.Hour))
		v.email = email
		p.visit(v)
	}
	for _, ago := range []time.Duration{2, 9, 17, 31, 44, 58} {
		v := c.reads(c.visitor(p.until.Add(-ago*time.Minute)), 60)
		p.visit(v)
	}
}

// planAttack plans an attacker who signs up strangers at a form. Many of them say that it was not them.
func (p *past) planAttack() {
	c := newImagination()
	c.n = 301
	for i := range 48 {
		v := c.visitor(p.until.Add(-50*time.Minute + time.Duration(i)*time.Minute))
		v.site, v.purposes, v.locale, v.form = "market", []string{"offers", "invitations"}, "en", "footer"
		v.ip, v.browser = "203.0.113.66", "python-requests/2.31"
		v.email = fmt.Sprintf("stranger%d@%s", i+1, []string{"gmx.example", "outlook.example", "live.example"}[i%3])
		if i%2 == 0 || i%5 == 0 {
			v.declines = 40*time.Second + time.Duration(i%4)*time.Minute
		}
		p.visit(v)
	}
}

// visit plans all that a visitor does.
func (p *past) visit(v visitor) {
	by := consent.Evidence{How: consent.ByLink, IP: v.ip, UserAgent: v.browser}
	p.at(v.at, func(ctx context.Context) error { return p.signUp(ctx, v) })
	after := func(d time.Duration, do func(ctx context.Context) error) {
		if d > 0 {
			p.at(v.at.Add(d), do)
		}
	}
	after(v.confirms, func(ctx context.Context) error {
		token, ok := p.tokens[v.email]
		if !ok { // no email arrived
			return nil
		}
		seen, err := p.service.Person.Confirm(ctx, token, nil, by)
		if err == nil {
			p.consent[v.email] = seen.Unsubscribe[strings.LastIndexByte(seen.Unsubscribe, '/')+1:]
		}
		return err
	})
	after(v.declines, func(ctx context.Context) error {
		token, ok := p.tokens[v.email]
		if !ok {
			return nil
		}
		_, err := p.service.Person.Decline(ctx, token, by)
		return err
	})
	after(v.withdraws, func(ctx context.Context) error {
		token, ok := p.consent[v.email]
		if !ok {
			return nil
		}
		_, err := p.service.Person.Withdraw(ctx, token, nil, by)
		return err
	})
	after(v.bounces, p.reports(v, confirm.ReportHard, "smtp; 550 5.1.1 The account has been disabled"))
	after(v.complains, p.reports(v, confirm.ReportComplaint, "abuse"))
}

func (p *past) signUp(ctx context.Context, v visitor) error {
	a, err := address.Parse(v.email)
	if err != nil {
		return err
	}
	return p.service.Person.SignUp(ctx, v.site, confirm.Signup{
		Address: a, Purposes: v.purposes, Locale: v.locale, Evidence: consent.Evidence{
			How: consent.ByForm, IP: v.ip, UserAgent: v.browser, Form: v.form,
			Origin: "https://" + v.site + ".example", Source: "https://" + v.site + ".example/news",
		},
	})
}

// reports is what a mail system reports on the email to a visitor.
func (p *past) reports(v visitor, kind confirm.ReportKind, words string) func(context.Context) error {
	return func(ctx context.Context) error {
		a, err := address.Parse(v.email)
		if err != nil {
			return err
		}
		return p.service.Relay.Report(ctx, confirm.Report{Site: v.site, Address: a, Kind: kind, Words: words})
	}
}

// planOperators plans what operators and programs of the sites do, and why.
func (p *past) planOperators() {
	ago := func(days, hours int) time.Time { return p.until.Add(-time.Duration(24*days+hours) * time.Hour) }
	known := func(email string, at time.Time) {
		v := newImagination().visitor(at)
		v.site, v.purposes, v.email, v.confirms = "demo", []string{"letter"}, email, 3*time.Minute
		p.visit(v)
	}
	known("marta.plum@post.example", ago(33, 0))
	known("otto.pear@work.example", ago(29, 0))
	known("nora.peach@school.example", ago(12, 0))
	known("hugo.fig@post.example", ago(9, 20)) // whose event is given up: the CRM is down by then
	const monday, night = operator.Own + ", session 5d1c07ae", operator.Own + ", session b83f9e02"
	key := audit.Entry{By: audit.Key, Name: "9c41d7e0", Act: audit.Export, Site: "demo"}
	p.act(ago(27, 5), key, func(ctx context.Context) error {
		for _, err := range p.service.Website.Export(ctx, "demo") {
			if err != nil {
				return err
			}
		}
		return nil
	})
	p.act(ago(20, 2), audit.Entry{
		By: audit.Operator, Name: monday, Act: audit.Find, Reason: "asked by phone why no letter came",
	}, func(ctx context.Context) error {
		_, err := p.service.Operator.Find(ctx, "marta.plum@post.example")
		return err
	})
	p.onPerson(ago(20, 1), "marta.plum@post.example", audit.Entry{By: audit.Operator, Name: monday, Act: audit.Look},
		func(ctx context.Context, id string) error {
			_, err := p.service.Website.Timeline(ctx, "demo", id)
			return err
		})
	p.onPerson(ago(9, 3), "otto.pear@work.example", audit.Entry{
		By: audit.Command, Name: "root", Act: audit.Erase, Reason: "asked for it by post",
	}, func(ctx context.Context, id string) error { return p.service.Website.Erase(ctx, "demo", id) })
	p.onPerson(ago(4, 6), "nora.peach@school.example", audit.Entry{
		By: audit.Operator, Name: night, Act: audit.Withdraw, Reason: "told us at the counter",
	}, func(ctx context.Context, id string) error {
		_, err := p.service.Website.Withdraw(ctx, "demo", id, nil, consent.Evidence{Detail: "at the counter"})
		return err
	})
	p.onPerson(ago(0, 3), "reader2@heron.example", audit.Entry{
		By: audit.Operator, Name: night, Act: audit.Resend, Reason: "asked where the email is",
	}, func(ctx context.Context, id string) error {
		_, _, err := p.service.Website.Resend(ctx, "demo", id)
		return err
	})
	p.act(ago(2, 4), audit.Entry{
		By: audit.Key, Name: "9c41d7e0", Act: audit.Object, Site: "demo", Reason: "STOP, by phone",
	}, func(ctx context.Context) error {
		a, err := address.Parse("iris.pine@post.example")
		if err != nil {
			return err
		}
		return p.service.Website.Object(ctx, "demo", a, nil,
			consent.Evidence{Channel: consent.ChannelPhone, Detail: "STOP"})
	})
}

// onPerson plans an act on somebody at the site demo.
func (p *past) onPerson(
	at time.Time, email string, e audit.Entry, do func(ctx context.Context, id string) error,
) {
	p.at(at, func(ctx context.Context) error {
		a, err := address.Parse(email)
		if err != nil {
			return err
		}
		found, err := p.service.Website.Lookup(ctx, "demo", a)
		if err != nil {
			return fmt.Errorf("%s: %w", email, err)
		}
		e.Site, e.Subscription = found.Site, found.ID
		if err := p.audit.Add(ctx, e); err != nil {
			return err
		}
		return do(ctx, found.ID)
	})
}
