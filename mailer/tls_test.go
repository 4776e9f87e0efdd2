package mailer_test

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/optin/optin/mailer"
)

const loopback = "127.0.0.1"

func trusting(pool *x509.CertPool) func(*mailer.Options) {
	return func(o *mailer.Options) { o.Roots = pool }
}

func TestEmailsGoOverTLSIfItIsOffered(t *testing.T) {
	secure, pool := certificate(t, "localhost", loopback)
	for _, query := range []string{"", "?tls=required"} {
		r := startRelay(t, offers("STARTTLS"), func(r *fakeRelay) { r.secure = secure })
		env := newEnv(t, "smtp://"+r.addr+query, trusting(pool))
		env.deliver(env.signUp(ada))
		if got := r.received(); len(got) != 1 || !got[0].tls || r.heard("EHLO") != 2 {
			t.Errorf("%q: %d emails, %d EHLO; want 1 over TLS, and our name said anew", query, len(got),
				r.heard("EHLO"))
		}
	}
	r := startRelay(t, func(r *fakeRelay) { r.secure, r.smtps = secure, true })
	env := newEnv(t, "smtps://"+r.addr, trusting(pool))
	env.deliver(env.signUp(ada))
	if !r.received()[0].tls {
		t.Error("smtps was not TLS")
	}
}

func TestTLSThatIsOffIsNotStarted(t *testing.T) {
	r := startRelay(t, offers("STARTTLS"))
	env := newEnv(t, "smtp://"+r.addr+"?tls=off")
	env.deliver(env.signUp(ada))
	if r.heard("STARTTLS") != 0 {
		t.Error("it was started")
	}
}

func TestNothingIsSaidInClearTextAfterTLSFailed(t *testing.T) {
	good, pool := certificate(t, "localhost", loopback)
	other, _ := certificate(t, "elsewhere.example", loopback)
	misnamed, misnamedPool := certificate(t, "elsewhere.example")
	for name, row := range map[string]struct {
		url    string
		change func(*fakeRelay)
		pool   *x509.CertPool
		want   string
	}{
		"required and not offered": {"smtp://HOST?tls=required", func(*fakeRelay) {}, pool,
			"STARTTLS: the relay does not offer it"},
		"refused": {"smtp://HOST", func(r *fakeRelay) {
			offers("STARTTLS")(r)
			says("STARTTLS", "454 4.7.0 TLS not available")(r)
		}, pool, "STARTTLS: 454 4.7.0"},
		"an unknown issuer": {"smtp://HOST", func(r *fakeRelay) { offers("STARTTLS")(r); r.secure = other }, pool,
			"STARTTLS: its certificate is not valid"},
		"another's name": {"smtp://HOST", func(r *fakeRelay) { offers("STARTTLS")(r); r.secure = misnamed },
			misnamedPool, "STARTTLS: its certificate is not valid"},
		"smtps, unknown issuer": {"smtps://HOST", func(r *fakeRelay) { r.secure, r.smtps = other, true }, pool,
			"TLS: its certificate is not valid"},
		"smtps, another's name": {"smtps://HOST", func(r *fakeRelay) { r.secure, r.smtps = misnamed, true },
			misnamedPool, "TLS: its certificate is not valid"},
		"smtps to a clear relay": {"smtps://HOST", func(r *fakeRelay) { r.secure = good }, pool, "relay, TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, row.change)
			env := newEnv(t, strings.Replace(row.url, "HOST", r.addr, 1), trusting(row.pool))
			job := env.signUp(ada)
			ended, err := env.Run(t.Context(), job)
			if ended || err == nil || !strings.Contains(err.Error(), row.want) || !env.isDue(job) {
				t.Errorf("ended %v, %v; want %q", ended, err, row.want)
			}
			if r.heard("MAIL") != 0 || r.heard("AUTH") != 0 || r.dialled() != 1 {
				t.Errorf("it said %q on %d connections", r.said, r.dialled())
			}
		})
	}
}

func TestCapabilitiesSentBeforeTLSAreIgnored(t *testing.T) {
	secure, pool := certificate(t, loopback)
	r := startRelay(t, offers("STARTTLS"), func(r *fakeRelay) {
		r.secure = secure
		says("STARTTLS", "220 go on\r\n250-relay.example\r\n250 AUTH PLAIN")(r)
	})
	env := newEnv(t, "smtp://optin:hunter2@"+r.addr, trusting(pool))
	err := env.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "offers no mechanism") || r.heard("AUTH") != 0 {
		t.Errorf("%v; it said %q", err, r.said)
	}
}

func TestThePasswordIsSentByAMechanismThatTheRelayOffers(t *testing.T) {
	secure, pool := certificate(t, loopback)
	encode := base64.StdEncoding.EncodeToString
	plain := "AUTH PLAIN " + encode([]byte("\x00optin\x00hunter2"))
	login := []string{"AUTH LOGIN", "AUTH … " + encode([]byte("optin")), "AUTH … " + encode([]byte("hunter2"))}
	for offered, want := range map[string][]string{
		"AUTH LOGIN PLAIN":                             {plain},
		"AUTH plain":                                   {plain},
		"AUTH LOGIN XOAUTH":                            login,
		"auth login":                                   login,
		"Auth=Login":                                   login,
		"AUTH=LOGIN\r\n250-AUTH PLAIN":                 {plain},
		"AUTH LOGIN\r\n250-AUTH GSSAPI NTLM":           login,
		"AUTH GSSAPI\r\n250-auth  NTLM   plain":        {plain},
		"AUTH\r\n250-AUTH=GSSAPI LOGIN\r\n250-AUTH X ": login,
	} {
		for _, start := range []string{"STARTTLS", "NOTHING"} { // the second: in clear text, to this machine
			r := startRelay(t, offers(offered, strings.ToLower(start)), func(r *fakeRelay) { r.secure = secure })
			env := newEnv(t, "smtp://optin:hunter2@"+r.addr, trusting(pool))
			if err := env.Check(t.Context()); err != nil {
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

func TestWhatARelayOffersIsReadInAnyCase(t *testing.T) {
	secure, pool := certificate(t, loopback)
	r := startRelay(t, func(r *fakeRelay) {
		r.secure, r.ext = secure, []string{"StartTLS", "8bitmime", "smtputf8", "Pipelining"}
	})
	env := newEnv(t, "smtp://"+r.addr, trusting(pool))
	env.deliver(env.signUp("jörg@example.org"))
	env.deliver(env.signUp("ada@example.org"))
	got := r.received()
	if !got[0].tls || got[0].mail != "MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME SMTPUTF8" {
		t.Errorf("over TLS is %v; it said %q", got[0].tls, got[0].mail)
	}
}

func TestAfterAMechanismThatTheRelayDoesNotHaveComesTheNext(t *testing.T) {
	for reply, next := range map[string]bool{
		"504 5.5.4 unknown type": true, "504 what": true, "534 5.7.9 too weak": true, "535 5.7.4 not for you": true,
		"535 5.7.8 wrong": false, "454 4.7.0 later": false, "500 5.5.2 what": false, "530 5.7.0 first TLS": false,
		"535 5.7.40 wrong": false,
	} {
		r := startRelay(t, offers("AUTH PLAIN LOGIN"), func(r *fakeRelay) {
			r.say = func(s step) string {
				if s.verb == "AUTH" && s.nth == 1 {
					return reply
				}
				return ""
			}
		})
		env := newEnv(t, "smtp://optin:hunter2@"+r.addr)
		if err := env.Check(t.Context()); (err == nil) != next || r.heard("AUTH LOGIN") > 0 != next {
			t.Errorf("%s: %v; it said %q", reply, err, r.said)
		}
	}
	r := startRelay(t, offers("AUTH PLAIN LOGIN CRAM-MD5"), says("AUTH", "504 5.5.4 unknown type"))
	env := newEnv(t, "smtp://optin:hunter2@"+r.addr)
	err := env.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "AUTH: 504") || r.heard("AUTH") != 3 {
		t.Errorf("no mechanism is left: %v; it said %q", err, r.said)
	}
}

func TestLoginIsAskedForInPlainWordsToo(t *testing.T) {
	r := startRelay(t, offers("AUTH LOGIN"), says("AUTH", "334 Username:"))
	env := newEnv(t, "smtp://optin:hunter2@"+r.addr)
	if err := env.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
