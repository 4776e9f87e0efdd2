package mailer_test

import (
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/optin/optin/mailer"
)

var loopback = net.IPv4(127, 0, 0, 1)

func trusting(pool *x509.CertPool) func(*mailer.Options) {
	return func(o *mailer.Options) { o.Roots = pool }
}

func TestLettersGoOverTLSWhereverItIsOffered(t *testing.T) {
	secure, pool := certificate(t, []string{"localhost"}, loopback)
	for _, query := range []string{"", "?tls=required"} {
		r := startRelay(t, offers("STARTTLS"), func(r *relay) { r.secure = secure })
		o := openOffice(t, "smtp://"+r.addr+query, trusting(pool))
		o.sends(o.owe(ada))
		if got := r.received(); len(got) != 1 || !got[0].tls || r.heard("EHLO") != 2 {
			t.Errorf("%q: %d letters, %d EHLO; want 1 over TLS, and our name said anew", query, len(got), r.heard("EHLO"))
		}
	}
	r := startRelay(t, func(r *relay) { r.secure, r.smtps = secure, true })
	o := openOffice(t, "smtps://"+r.addr, trusting(pool))
	o.sends(o.owe(ada))
	if !r.received()[0].tls {
		t.Error("smtps was not TLS")
	}
}

func TestTLSThatIsOffIsNotStarted(t *testing.T) {
	r := startRelay(t, offers("STARTTLS"))
	o := openOffice(t, "smtp://"+r.addr+"?tls=off")
	o.sends(o.owe(ada))
	if r.heard("STARTTLS") != 0 {
		t.Error("it was started")
	}
}

func TestNothingIsSaidInClearTextAfterTLSFailed(t *testing.T) {
	good, pool := certificate(t, []string{"localhost"}, loopback)
	other, _ := certificate(t, []string{"elsewhere.example"}, loopback)
	misnamed, misnamedPool := certificate(t, []string{"elsewhere.example"})
	for name, row := range map[string]struct {
		url    string
		change func(*relay)
		pool   *x509.CertPool
		told   string
	}{
		"required and not offered": {"smtp://HOST?tls=required", func(*relay) {}, pool, "STARTTLS: the relay does not offer it"},
		"refused": {"smtp://HOST", func(r *relay) {
			offers("STARTTLS")(r)
			says("STARTTLS", "454 4.7.0 TLS not available")(r)
		}, pool, "STARTTLS: 454 4.7.0"},
		"an unknown issuer":      {"smtp://HOST", func(r *relay) { offers("STARTTLS")(r); r.secure = other }, pool, "STARTTLS: its certificate is not valid"},
		"another's name":         {"smtp://HOST", func(r *relay) { offers("STARTTLS")(r); r.secure = misnamed }, misnamedPool, "STARTTLS: its certificate is not valid"},
		"smtps, unknown issuer":  {"smtps://HOST", func(r *relay) { r.secure, r.smtps = other, true }, pool, "TLS: its certificate is not valid"},
		"smtps, another's name":  {"smtps://HOST", func(r *relay) { r.secure, r.smtps = misnamed, true }, misnamedPool, "TLS: its certificate is not valid"},
		"smtps to a clear relay": {"smtps://HOST", func(r *relay) { r.secure = good }, pool, "relay, TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, row.change)
			o := openOffice(t, strings.Replace(row.url, "HOST", r.addr, 1), trusting(row.pool))
			e := o.owe(ada)
			settled, err := o.Run(t.Context(), e)
			if settled || err == nil || !strings.Contains(err.Error(), row.told) || !o.owed(e) {
				t.Errorf("settled %v, %v; want %q", settled, err, row.told)
			}
			if r.heard("MAIL") != 0 || r.heard("AUTH") != 0 || r.dialled() != 1 {
				t.Errorf("it said %q on %d connections", r.said, r.dialled())
			}
		})
	}
}

func TestWhatWasSlippedInBeforeTLSIsNotBelieved(t *testing.T) {
	secure, pool := certificate(t, nil, loopback)
	r := startRelay(t, offers("STARTTLS"), func(r *relay) {
		r.secure = secure
		says("STARTTLS", "220 go on\r\n250-relay.example\r\n250 AUTH PLAIN")(r)
	})
	u, _ := url.Parse("smtp://optin:hunter2@" + r.addr)
	o := openOffice(t, u.String(), trusting(pool))
	err := o.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "offers no mechanism") || r.heard("AUTH") != 0 {
		t.Errorf("%v; it said %q", err, r.said)
	}
}

func TestThePasswordIsGivenByAMechanismTheRelayOffers(t *testing.T) {
	secure, pool := certificate(t, nil, loopback)
	encode := base64.StdEncoding.EncodeToString
	plain := "AUTH PLAIN " + encode([]byte("\x00optin\x00hunter2"))
	for offered, want := range map[string][]string{
		"AUTH LOGIN PLAIN":  {plain},
		"AUTH plain":        {plain},
		"AUTH LOGIN XOAUTH": {"AUTH LOGIN", "AUTH … " + encode([]byte("optin")), "AUTH … " + encode([]byte("hunter2"))},
	} {
		for _, start := range []string{"STARTTLS", "NOTHING"} { // the second: in clear text, to this machine
			r := startRelay(t, offers(offered, start), func(r *relay) { r.secure = secure })
			o := openOffice(t, "smtp://optin:hunter2@"+r.addr, trusting(pool))
			if err := o.Check(t.Context()); err != nil {
				t.Errorf("%s: %v", offered, err)
			}
			for _, line := range want {
				if r.heard(line) == 0 {
					t.Errorf("%s: it said %q, want %q", offered, r.said, line)
				}
			}
		}
	}
}
