package mailer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/mailer"
)

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	service := newEnv(t, "127.0.0.1:2525").Service
	_, ed := keys(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := func(address string) func(*mailer.Options) {
		return func(o *mailer.Options) {
			s := o.Sites["gazette"]
			s.From.Address = address
			o.Sites["gazette"] = s
		}
	}
	only := func(a relay.Address) func(*mailer.Options) {
		return func(o *mailer.Options) { o.Relays = []relay.Address{a} }
	}
	trim := func(change func(*mailer.Site)) func(*mailer.Options) {
		return func(o *mailer.Options) {
			s := o.Sites["gazette"]
			change(&s)
			o.Sites["gazette"] = s
		}
	}
	answers := func(a netmail.Address) func(*mailer.Options) {
		return trim(func(s *mailer.Site) { s.ReplyTo = &a })
	}
	bounces := func(domain string) func(*mailer.Options) {
		return trim(func(s *mailer.Site) { s.BounceDomain = domain })
	}
	key := func(k mailer.DKIM) func(*mailer.Options) {
		return func(o *mailer.Options) { o.DKIM = []mailer.DKIM{k} }
	}
	for name, row := range map[string]struct {
		change func(*mailer.Options)
		want   string
	}{
		"no service":   {func(o *mailer.Options) { o.Service = nil }, "a service"},
		"no templates": {func(o *mailer.Options) { o.Pages = nil }, "templates"},
		"no site":      {func(o *mailer.Options) { o.Sites = nil }, "a site"},
		"no relay":     {func(o *mailer.Options) { o.Relays = nil }, "a relay"},
		"no host":      {only(relay.Address{Port: 25, TLS: relay.Off, Password: "hunter2"}), "a host"},
		"no port": {only(relay.Address{Host: "relay.example", TLS: relay.Off, Password: "hunter2"}),
			"relay relay.example: the port"},
		"a port too high": {only(relay.Address{Host: "relay.example", Port: 65536, TLS: relay.Off}), "the port"},
		"no TLS policy": {only(relay.Address{Host: "relay.example", Port: 25, Password: "hunter2"}),
			`relay relay.example:25: TLS is ""`},
		"an unknown policy": {only(relay.Address{Host: "relay.example", Port: 25, TLS: "maybe"}),
			"want offered, required"},
		"a session too long":    {func(o *mailer.Options) { o.Session = mailer.MaxDuration }, "before the limit"},
		"a name of two words":   {func(o *mailer.Options) { o.HELO = "optin\r\nRSET" }, "EHLO"},
		"a sender without @":    {from("gazette.example"), "site gazette: the sender"},
		"a sender with a list":  {from("a@gazette.example, b@gazette.example"), "the sender"},
		"a sender with CRLF":    {from("a@gazette.example>\r\nRCPT TO:<b@x.example"), "the sender"},
		"a sender beyond ASCII": {from("jörg@gazette.example"), "plain ASCII"},
		"answers to nobody":     {answers(netmail.Address{Name: "Redaction"}), "site gazette: the address for answers"},
		"answers to a list": {answers(netmail.Address{Address: "a@x.example, b@x.example"}),
			"the address for answers"},
		"answers beyond ASCII": {answers(netmail.Address{Address: "jörg@x.example"}), "plain ASCII"},
		"answers with CRLF": {answers(netmail.Address{Name: "x\r\nBcc: eve@evil.example", Address: "a@x.example"}),
			"one line"},
		"bounces to an address": {bounces("b@gazette.example"), "site gazette: the domain for bounces"},
		"bounces with CRLF":     {bounces("x.example>\r\nRCPT TO:<eve@evil.example"), "a domain"},
		"bounces to a literal":  {bounces("[192.0.2.1]"), "a domain"},
		"a second bad relay": {func(o *mailer.Options) {
			o.Relays = append(o.Relays, relay.Address{Host: "x.example"})
		}, "relay x.example"},
		"fewer than none": {func(o *mailer.Options) { o.Connections = -1 }, "-1 connections"},
		"a limit too low": {func(o *mailer.Options) { o.Connections, o.MaxConnections = 4, 3 },
			"at most 3 connections, usually 4"},
		"a limit alone":         {func(o *mailer.Options) { o.MaxConnections = 3 }, "at most 3 connections, usually 0"},
		"a key without domain":  {key(mailer.DKIM{Selector: "s", Key: ed}), "domain"},
		"a key of another kind": {key(mailer.DKIM{Domain: "gazette.example", Selector: "s", Key: ec}), "not supported"},
		"no key": {
			key(mailer.DKIM{Domain: "gazette.example", Selector: "s"}),
			"DKIM key s of gazette.example",
		},
		"a selector with a tag": {key(mailer.DKIM{Domain: "gazette.example", Selector: "s; l=0", Key: ed}),
			"letters, digits"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "smtp://relay.example")
			o.Service = service
			row.change(&o)
			_, err := mailer.New(o)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want %q", err, row.want)
			}
		})
	}
	for _, good := range []string{"smtp://relay.example", "smtp://[::1]:25?tls=off", "smtps://a:b@relay.example:465",
		"smtps://relay.example?tls=required"} {
		o := options(t, good)
		o.Service = service
		if _, err := mailer.New(o); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestMaxDurationOutlastsEveryAttempt(t *testing.T) {
	o := options(t, "smtp://relay.example")
	o.Service = newEnv(t, "127.0.0.1:2525").Service
	o.Dial, o.Session = 10*time.Second, 150*time.Second
	if _, err := mailer.New(o); err != nil {
		t.Error(err)
	}
	if longest := o.Dial + o.Session; mailer.MaxDuration <= longest || mailer.MaybeSentDelay < 15*time.Minute {
		t.Errorf("a limit of %s, a session of %s", mailer.MaxDuration, longest)
	}
}
