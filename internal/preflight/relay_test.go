package preflight_test

import (
	"crypto/tls"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/preflight"
)

func TestTheRelayGuardsLetters(t *testing.T) {
	const at = "relay.example:587"
	mode := func(m preflight.TLS) func(*stage) { return func(s *stage) { s.Relays[0].TLS = m } }
	bare := func(m preflight.TLS, host string) func(*stage) {
		return func(s *stage) {
			s.Relays[0].TLS, s.Relays[0].Host, s.mail.hello = m, host, "250-relay.example\r\n250 XSTARTTLS"
		}
	}
	play(t, "STARTTLS", map[string]row{
		"required":                   {about: at, what: "over TLS 1.3"},
		"offered":                    {setup: mode(preflight.TLSOffered), about: at, what: "over TLS 1.3"},
		"TLS 1.2":                    {setup: func(s *stage) { s.mail.tls.MaxVersion = tls.VersionTLS12 }, about: at, what: "over TLS 1.2"},
		"TLS 1.1":                    {setup: func(s *stage) { s.mail.tls.MinVersion, s.mail.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, about: at, level: wrong, what: "broke off when TLS was to begin", fix: "TLS 1.2 or 1.3"},
		"implicit":                   {setup: func(s *stage) { s.mail.implicit, s.Relays[0].TLS = true, preflight.TLSImplicit }, about: at, what: "over TLS 1.3"},
		"implicit to a clear port":   {setup: mode(preflight.TLSImplicit), about: at, level: wrong, what: "broke off", fix: "smtps:// is for ports"},
		"not offered, required":      {setup: bare(preflight.TLSRequired, "relay.example"), about: at, level: wrong, what: "no letter leave without it"},
		"not offered":                {setup: bare(preflight.TLSOffered, "relay.example"), about: at, level: warning, what: "can be read on the way"},
		"not offered, here":          {setup: bare(preflight.TLSOffered, "127.0.0.1"), about: "127.0.0.1:587", what: "on this machine"},
		"not offered here, required": {setup: bare(preflight.TLSRequired, "127.0.0.1"), about: "127.0.0.1:587", level: wrong, what: "no letter leave"},
		"offered and off":            {setup: mode(preflight.TLSOff), about: at, level: warning, what: "tls=off keeps from it"},
		"refused":                    {setup: func(s *stage) { s.mail.start = "454 4.7.0 TLS is\x1b[2J away" }, about: at, level: wrong, what: "it answered 454 4.7.0 TLS is�[2J away"},
		"no EHLO":                    {setup: func(s *stage) { s.mail.hello = "550-not\r\n550 you" }, about: at, level: unknown, what: "did not take our EHLO: it answered 550"},
		"no greeting":                {setup: func(s *stage) { s.mail.greeting = "554 go away" }, about: at, level: unknown, what: "could not be asked: it answered 554 go away"},
		"no end of a greeting":       {setup: func(s *stage) { s.mail.greeting = "220-" + string(make([]byte, 1<<20)) }, about: at, level: unknown, what: "could not be asked: it broke off"},
		"nobody there":               {setup: func(s *stage) { s.mail.addr = "127.0.0.1:1" }, about: at, level: unknown, what: "could not be asked", fix: "firewall"},
	})
}

func TestTheRelaysCertificateIsGoodForAWhile(t *testing.T) {
	with := func(from, until int, hosts ...string) func(*stage) {
		return func(s *stage) { s.mail.tls, s.Roots = certificate(t, from, until, hosts...) }
	}
	play(t, "certificate", map[string]row{
		"60 days":       {about: "relay.example", what: "good until 2027-01-20 (60 days)"},
		"14 days":       {setup: with(-1, 14, "relay.example"), about: "relay.example", what: "(14 days)"},
		"13 days":       {setup: with(-1, 13, "relay.example"), about: "relay.example", level: warning, what: "(13 days). After that no letter leaves.", fix: "Renew"},
		"ended":         {setup: with(-9, -1, "relay.example"), about: "relay.example", level: wrong, what: "ended on 2026-11-20", fix: "Renew"},
		"not yet":       {setup: with(1, 9, "relay.example"), about: "relay.example", level: wrong, what: "begins on 2026-11-22", fix: "clocks"},
		"another host":  {setup: with(-1, 60, "mx.example", "mx2.example"), about: "relay.example", level: wrong, what: "is for mx.example and mx2.example, and not for it", fix: "smtp.url"},
		"no host":       {setup: with(-1, 60), about: "relay.example", level: wrong, what: "is for no host"},
		"nobody's word": {setup: func(s *stage) { _, s.Roots = certificate(t, -1, 60, "relay.example") }, about: "relay.example", level: wrong, what: "nobody whom this machine trusts", fix: "whole chain"},
		"implicit, ended": {setup: func(s *stage) {
			with(-9, -1, "relay.example")(s)
			s.mail.implicit, s.Relays[0].TLS = true, preflight.TLSImplicit
		}, about: "relay.example", level: wrong, what: "ended on"},
	})
}

func TestARelayIsToldOurNameAndNothingElse(t *testing.T) {
	for public, name := range map[string]string{
		"confirm.example": "confirm.example", "": "localhost", "192.0.2.9": "[192.0.2.9]", "2001:db8::9": "[IPv6:2001:db8::9]", "a\r\nRSET": "localhost",
	} {
		s := newStage(t)
		s.Public = public
		s.check(t)
		want := []string{"EHLO " + name, "STARTTLS"}
		if got := s.mail.heard(); len(got) < 2 || !cmp.Equal(got[:2], want) || len(got) > 3 || len(got) == 3 && got[2] != "QUIT" {
			t.Errorf("%q: it heard %q, want %q and QUIT", public, got, want)
		}
	}
	s := newStage(t)
	s.Relays[0].TLS = preflight.TLSOff
	s.check(t)
	if diff := cmp.Diff([]string{"EHLO confirm.example", "QUIT"}, s.mail.heard()); diff != "" {
		t.Error(diff)
	}
}
