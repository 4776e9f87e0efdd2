package preflight_test

import (
	"crypto/tls"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/relay"
)

func TestTheRelayMustUseTLS(t *testing.T) {
	const at = "relay.example:587"
	mode := func(m relay.TLS) func(*env) { return func(env *env) { env.Relays[0].TLS = m } }
	bare := func(m relay.TLS, host string) func(*env) {
		return func(env *env) {
			env.Relays[0].TLS, env.Relays[0].Host, env.mail.hello = m, host, "250-relay.example\r\n250 XSTARTTLS"
		}
	}
	runRows(t, "STARTTLS", map[string]row{
		"required": {about: at, what: "over TLS 1.3"},
		"offered":  {setup: mode(relay.Offered), about: at, what: "over TLS 1.3"},
		"TLS 1.2": {setup: func(env *env) { env.mail.tls.MaxVersion = tls.VersionTLS12 }, about: at,
			what: "over TLS 1.2"},
		"TLS 1.1": {setup: func(env *env) {
			env.mail.tls.MinVersion,
				env.mail.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, about: at, level: wrong,
			what: "failed to start TLS", fix: "TLS 1.2 or 1.3"},
		"implicit": {setup: func(env *env) {
			env.mail.implicit, env.Relays[0].TLS = true,
				relay.Implicit
		}, about: at, what: "over TLS 1.3"},
		"implicit to a clear port": {setup: mode(relay.Implicit), about: at, level: wrong,
			what: "failed to start TLS", fix: "smtps:// is for ports"},
		"not offered, required": {setup: bare(relay.Required, "relay.example"), about: at, level: wrong,
			what: "no email is sent without it"},
		"not offered": {setup: bare(relay.Offered, "relay.example"), about: at, level: warn,
			what: "can be read on the way"},
		"not offered, here": {setup: bare(relay.Offered, "127.0.0.1"), about: "127.0.0.1:587",
			what: "on this machine"},
		"not offered in a private network": {setup: bare(relay.Offered, "10.0.0.7"), about: "10.0.0.7:587", level: warn,
			what: "can be read on the way"},
		"not offered here, required": {setup: bare(relay.Required, "127.0.0.1"), about: "127.0.0.1:587", level: wrong,
			what: "no email is sent"},
		"offered and off": {setup: mode(relay.Off), about: at, level: warn, what: "tls=off does not use it"},
		"refused": {setup: func(env *env) { env.mail.start = "454 4.7.0 TLS is\x1b[2J away" },
			about: at, level: wrong, what: "it answered 454 4.7.0 TLS is�[2J away"},
		"no EHLO": {setup: func(env *env) { env.mail.hello = "550-not\r\n550 you" }, about: at,
			level: unknown, what: "did not accept our EHLO: it answered 550"},
		"no greeting": {setup: func(env *env) { env.mail.greeting = "554 go away" }, about: at,
			level: unknown, what: "could not be checked: it answered 554 go away"},
		"no end of a greeting": {setup: func(env *env) {
			env.mail.greeting = "220-" +
				string(make([]byte, 1<<20))
		}, about: at, level: unknown,
			what: "could not be checked: it closed the connection"},
		"nobody there": {setup: func(env *env) { env.mail.addr = "127.0.0.1:1" }, about: at,
			level: unknown, what: "could not be checked", fix: "firewall"},
	})
}

func TestTheRelaysCertificateMustBeValidForAWhile(t *testing.T) {
	with := func(from, until int, hosts ...string) func(*env) {
		return func(env *env) { env.mail.tls, env.Roots = certificate(t, from, until, hosts...) }
	}
	runRows(t, "certificate", map[string]row{
		"60 days": {about: "relay.example", what: "valid until 2027-01-20 (60 days)"},
		"14 days": {setup: with(-1, 14, "relay.example"), about: "relay.example", what: "(14 days)"},
		"13 days": {setup: with(-1, 13, "relay.example"), about: "relay.example", level: warn,
			what: "(13 days). After that no email is sent.", fix: "Renew"},
		"ended": {setup: with(-9, -1, "relay.example"), about: "relay.example", level: wrong,
			what: "expired on 2026-11-20", fix: "Renew"},
		"not yet": {setup: with(1, 9, "relay.example"), about: "relay.example", level: wrong,
			what: "is not valid before 2026-11-22", fix: "clocks"},
		"another host": {setup: with(-1, 60, "mx.example", "mx2.example"), about: "relay.example", level: wrong,
			what: "is for mx.example and mx2.example, not for this host", fix: "smtp.url"},
		"no host": {setup: with(-1, 60), about: "relay.example", level: wrong, what: "is for no named host"},
		"nobody's word": {setup: func(env *env) { _, env.Roots = certificate(t, -1, 60, "relay.example") },
			about: "relay.example", level: wrong, what: "authority that this machine does not trust",
			fix: "whole chain"},
		"implicit, ended": {setup: func(env *env) {
			with(-9, -1, "relay.example")(env)
			env.mail.implicit, env.Relays[0].TLS = true, relay.Implicit
		}, about: "relay.example", level: wrong, what: "expired on"},
	})
}

func TestTheRelayLearnsOurNameAndNothingElse(t *testing.T) {
	for public, name := range map[string]string{
		"confirm.example": "confirm.example", "": "localhost", "192.0.2.9": "[192.0.2.9]",
		"2001:db8::9": "[IPv6:2001:db8::9]", "a\r\nRSET": "localhost",
	} {
		env := newEnv(t)
		env.Public = public
		env.check(t)
		want := []string{"EHLO " + name, "STARTTLS"}
		if got := env.mail.heard(); len(got) < 2 || !cmp.Equal(got[:2], want) || len(got) > 3 || len(got) == 3 &&
			got[2] != "QUIT" {
			t.Errorf("%q: it heard %q, want %q and QUIT", public, got, want)
		}
	}
	env := newEnv(t)
	env.Relays[0].TLS = relay.Off
	env.check(t)
	if diff := cmp.Diff([]string{"EHLO confirm.example", "QUIT"}, env.mail.heard()); diff != "" {
		t.Error(diff)
	}
}
