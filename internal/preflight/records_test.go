package preflight_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/preflight"
)

const (
	ok      = preflight.OK
	warn    = preflight.Warn
	wrong   = preflight.Wrong
	unknown = preflight.Unknown
)

// record returns a TXT record as a line of a zone file.
func record(name, s string) []string {
	line := name + " TXT"
	for ; len(s) > 255; s = s[255:] {
		line += ` "` + s[:255] + `"`
	}
	return []string{line + ` "` + s + `"`}
}

func TestDomainsMustReceiveMail(t *testing.T) {
	elsewhere := func(env *env) {
		env.Senders[0].Bounce, env.Senders[0].Reply = "b.gazette.example",
			"r.gazette.example"
	}
	runRows(t, "MX", map[string]row{
		"a null MX": {zone: []string{"gazette.example. MX 0 ."}, level: wrong,
			what: "receives no mail (a null MX)", fix: "gazette.example. MX 10 mail.gazette.example."},
		"neither MX nor address": {zone: []string{"gazette.example. MX"}, level: wrong,
			what: "neither an MX nor an address"},
		"an address only": {zone: []string{"gazette.example. MX", "gazette.example. A 192.0.2.80"},
			level: warn, what: "has no MX"},
		"an MX that leads nowhere": {zone: []string{"mx.gazette.example. A"}, level: wrong,
			what: "which has no address in DNS", fix: "Give mx.gazette.example an A"},
		"one of two MX leads": {zone: []string{"gazette.example. MX 5 gone.example.",
			"gazette.example. MX 9 mx.gazette.example."}, what: "mx.gazette.example receives mail"},
		"bounces with MX": {zone: []string{"b.gazette.example. MX 10 mx.gazette.example."}, setup: elsewhere,
			about: "b.gazette.example", what: "receives mail"},
		"bounces without MX": {setup: elsewhere, level: wrong, about: "b.gazette.example",
			what: "that bounces go to, and has neither",
			fix:  "b.gazette.example. MX 10 mail.b.gazette.example."},
		"answers without MX": {setup: elsewhere, level: wrong, about: "r.gazette.example",
			what: "that answers go to, and has neither"},
		"answers to a null MX": {zone: []string{"r.gazette.example. MX 0 ."}, setup: elsewhere, level: wrong,
			about: "r.gazette.example", what: "a null MX"},
		"no answer of the host": {zone: []string{"mx.gazette.example. SERVFAIL"}, level: unknown,
			what: "the address of mx.gazette.example"},
		"no answer of the name": {zone: []string{"gazette.example. MX", "gazette.example. SERVFAIL"}, level: unknown,
			what: "the MX of gazette.example"},
	})
}

func TestSPFMustAllowTheRelayAndNobodyElse(t *testing.T) {
	txt := func(s string) []string { return record("gazette.example.", s) }
	many := func(n int) string {
		return "v=spf1 ip4:192.0.2.7" + strings.Repeat(" a:mx.gazette.example", n) + " -all"
	}
	host := func(h string) func(*env) { return func(env *env) { env.Relays[0].Host = h } }
	runRows(t, "SPF", map[string]row{
		"none": {zone: []string{"gazette.example. TXT"}, level: wrong, what: "has no SPF record",
			fix: `gazette.example. TXT "v=spf1 ip4:192.0.2.7 -all"`, heals: true},
		"other TXT only": {zone: txt("google-site-verification=1"), level: wrong, what: "has no SPF record"},
		"a near miss":    {zone: txt("v=spf10 -all"), level: wrong, what: "has no SPF record"},
		"in capitals":    {zone: txt("V=SPF1 IP4:192.0.2.7 -ALL"), what: "is valid"},
		"two": {zone: append(txt("v=spf1 include:a.example -all"), txt("v=spf1 mx include:a.example ~all")...),
			level: wrong, what: "has 2 SPF records",
			fix: `gazette.example. TXT "v=spf1 ip4:192.0.2.7 include:a.example mx ~all"`},
		"two, one redirected": {zone: append(txt("v=spf1 redirect=a.example"), txt("v=spf1 mx")...), level: wrong,
			what: "has 2", fix: `"v=spf1 ip4:192.0.2.7 include:a.example mx -all"`},
		"two, pasted": {zone: append(txt("v=spf1 mx -all"), txt("v=spf1 ip4:192.0.2.8 ?all")...),
			level: wrong, what: "has 2", heals: true},
		"an unknown term": {zone: txt("v=spf1 ip:192.0.2.7 ip4:192.0.2.7 -all"), level: wrong,
			what: "“ip:192.0.2.7”", fix: `"v=spf1 ip4:192.0.2.7 -all"`, heals: true},
		"a term after all": {zone: txt("v=spf1 ip4:192.0.2.7 -all inclde:a.example"), level: wrong,
			what: "“inclde:a.example”"},
		"IPv6 as ip4":        {zone: txt("v=spf1 ip4:2001:db8::1 -all"), level: wrong, what: "“ip4:2001:db8::1”"},
		"too large a mask":   {zone: txt("v=spf1 ip4:192.0.2.0/33 -all"), level: wrong, what: "/33"},
		"an include of none": {zone: txt("v=spf1 ip4:192.0.2.7 include: -all"), level: wrong, what: "“include:”"},
		"two redirects": {zone: txt("v=spf1 redirect=a.example redirect=b.example"), level: wrong,
			what: "“redirect=b.example”"},
		"all with a value": {zone: txt("v=spf1 ip4:192.0.2.7 -all:x"), level: wrong, what: "“-all:x”"},
		"ten lookups":      {zone: txt(many(10)), what: "needs 10 of the 10"},
		"eleven lookups":   {zone: txt(many(11)), level: wrong, what: "needs 11 DNS lookups"},
		"a ring": {zone: txt("v=spf1 ip4:192.0.2.7 include:gazette.example -all"), level: wrong,
			what: "needs more than 50 DNS lookups"},
		"two void lookups": {zone: txt("v=spf1 ip4:192.0.2.7 a:x.example a:y.example -all"), what: "is valid"},
		"three void lookups": {zone: txt("v=spf1 ip4:192.0.2.7 a:x.example a:y.example a:z.example -all"),
			level: warn, what: "more than 2 hosts"},
		"an include nowhere": {zone: txt("v=spf1 ip4:192.0.2.7 include:gone.example -all"), level: wrong,
			what: "has no SPF record"},
		"a macro's include": {zone: txt("v=spf1 ip4:192.0.2.7 include:%{i}.gone.example -all"), level: warn,
			what: "has no SPF record"},
		"a broken macro": {zone: txt("v=spf1 ip4:192.0.2.7 exists:%{q}.example -all"), level: warn,
			what: "invalid macro"},
		"an include of two": {zone: append(txt("v=spf1 include:a.example -all"), `a.example. TXT "v=spf1"`,
			`a.example. TXT "v=spf1 -all"`), level: wrong, what: "more than one SPF"},
		"everybody": {zone: txt("v=spf1 mx +all"), level: wrong, what: "every address in the world",
			fix: `"v=spf1 mx ~all"`},
		"everybody, redirected": {zone: txt("v=spf1 mx redirect=a.example +all"), level: wrong,
			what: "every address in the world", fix: `"v=spf1 mx ~all"`},
		"everybody, unmarked": {zone: txt("v=spf1 all"), level: wrong, what: "every address in the world"},
		"everybody, included": {zone: append(txt("v=spf1 include:a.example -all"),
			`a.example. TXT "v=spf1 ip4:0.0.0.0/0 -all"`), level: wrong, what: "every address in the world"},
		"no end": {zone: txt("v=spf1 ip4:192.0.2.7"), level: warn, what: "should end with ~all",
			fix: `"v=spf1 ip4:192.0.2.7 ~all"`, heals: true},
		"a neutral end": {zone: txt("v=spf1 ip4:192.0.2.7 ?all"), level: warn, what: "should end", heals: true},
		"a redirect": {zone: append(txt("v=spf1 redirect=a.example"), `a.example. TXT "v=spf1 ip4:192.0.2.0/24 ~all"`),
			what: "allows the relay to send"},
		"a redirect to no end": {
			zone:  append(txt("v=spf1 redirect=a.example"), `a.example. TXT "v=spf1 ip4:192.0.2.7"`),
			level: warn, what: "should end", fix: `"v=spf1 include:a.example ~all"`, heals: true},
		"the relay is not named": {zone: txt("v=spf1 mx include:a.example -all"), level: wrong,
			what: "has no SPF record"},
		"the relay is left out": {zone: append(txt("v=spf1 mx include:a.example ~all"), `a.example. TXT "v=spf1 -all"`),
			level: warn, what: "does not allow 192.0.2.7",
			fix: `gazette.example. TXT "v=spf1 ip4:192.0.2.7 mx include:a.example ~all"`, heals: true},
		"the relay is refused": {zone: txt("v=spf1 -ip4:192.0.2.0/24 +mx -all"), level: warn,
			what: "does not allow 192.0.2.7", heals: true},
		"one of the relay's is": {zone: []string{"relay.example. AAAA 2001:db8::7"}, level: warn,
			what: "does not allow 2001:db8::7", fix: `"v=spf1 ip6:2001:db8::7 ip4:192.0.2.7 -all"`, heals: true},
		"left out, and no end": {zone: txt("v=spf1 mx"), level: warn, what: "does not allow",
			fix: `"v=spf1 ip4:192.0.2.7 mx ~all"`, heals: true},
		"a relay here": {setup: host("127.0.0.1"), level: unknown,
			what: "on this machine or in a private network", fix: `"v=spf1 ip4:192.0.2.1 ip4:192.0.2.7 -all"`},
		"a relay in a network": {setup: host("10.0.0.3"), level: unknown,
			what: "so it is unknown whether SPF of gazette.example"},
		"a relay behind a carrier": {setup: host("100.64.1.2"), level: unknown,
			what: "so it is unknown whether SPF of gazette.example"},
		"a relay here and no record": {zone: []string{"gazette.example. TXT"}, setup: host("::1"), level: wrong,
			what: "has no SPF", fix: "Replace 192.0.2.1"},
		"a relay that DNS knows not": {setup: host("gone.example"), what: "is valid"},
		"an include without answer": {zone: append(txt("v=spf1 include:a.example -all"), "a.example. SERVFAIL"),
			level: unknown, what: "refers to"},
		"bounces have their own": {zone: []string{`b.example. TXT "v=spf1 ip4:192.0.2.7 ~all"`},
			setup: bounces("b.example"), about: "b.example", what: "allows the relay to send"},
		"bounces without their own": {setup: bounces("b.example"), level: wrong, about: "b.example",
			what: "has no SPF record"},
		"a long record is cut rightly": {zone: []string{`gazette.example. TXT "v=spf1 mx` +
			strings.Repeat(" ip4:198.51.100.77", 12) + `" "` + strings.Repeat(" ip4:198.51.100.78", 4) + ` -all"`},
			level: warn, what: "does not allow", heals: true},
	})
}

func bounces(domain string) func(*env) { return func(env *env) { env.Senders[0].Bounce = domain } }

func TestDKIMRecordsFitTheirKeys(t *testing.T) {
	name := "optin._domainkey.gazette.example. TXT "
	p := spki(t, bigKey())
	is := func(s string) []string { return record("optin._domainkey.gazette.example.", s) }
	small := shaped(1024, 1)
	ed := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	edP, edSPKI := base64.StdEncoding.EncodeToString(ed), spki(t, ed)
	key := func(k any) func(*env) { return func(env *env) { env.Keys[0].Public = k } }
	bare := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(bigKey()))
	runRows(t, "DKIM", map[string]row{
		"none": {zone: []string{name}, level: wrong, what: "There is no DNS record optin._domainkey",
			fix: name + `"v=DKIM1; k=rsa; p=MI`, heals: true},
		"two": {zone: append(is("v=DKIM1; p="+p), name+`"v=DKIM1; p="`), level: wrong,
			what: "2 TXT records", heals: true},
		"another version": {zone: is("v=DKIM2; p=" + p), level: wrong, what: "does not begin with v=DKIM1",
			heals: true},
		"a version in place": {zone: is("k=rsa; v=DKIM1; p=" + p), level: wrong, what: "does not begin with v=DKIM1"},
		"no version":         {zone: is("p=" + p), level: warn, what: "does not say v=DKIM1", heals: true},
		"no key":             {zone: is("v=DKIM1; k=rsa"), level: wrong, what: "has no p=", heals: true},
		"revoked":            {zone: is("v=DKIM1; p="), level: wrong, what: "revokes the key", heals: true},
		"another kind": {zone: is("v=DKIM1; k=ed25519; p=" + edP), level: wrong,
			what: "k=ed25519, and ours is k=rsa", heals: true},
		"SHA-1":             {zone: is("v=DKIM1; h=sha1; p=" + p), level: wrong, what: "only h=sha1", heals: true},
		"SHA-1 and SHA-256": {zone: is("v=DKIM1; h=sha1:sha256; p=" + p), what: "public half"},
		"not for email":     {zone: is("v=DKIM1; s=tlsrpt; p=" + p), level: wrong, what: "not for email", heals: true},
		"for mail":          {zone: is("v=DKIM1; s=email; t=s; p=" + p), what: "public half"},
		"in testing":        {zone: is("v=DKIM1; t=s:y; p=" + p), level: warn, what: "t=y", heals: true},
		"another key": {zone: is("v=DKIM1; p=" + spki(t, shaped(2048, 2))), level: wrong,
			what: "is another key.", heals: true},
		"a key of its size": {zone: is("v=DKIM1; p=" + spki(t, small)), level: wrong,
			what: "another key, of 1024 bits instead of 2048", heals: true},
		"cut off":    {zone: is("v=DKIM1; p=" + p[:240]), level: wrong, what: "perhaps truncated", heals: true},
		"not base64": {zone: is("v=DKIM1; p=!" + p), level: wrong, what: "damaged", heals: true},
		"no tags":    {zone: is("hello"), level: wrong, what: "“hello” is not of the form", heals: true},
		"a tag twice": {zone: is("v=DKIM1; p=" + p + "; p=x"), level: wrong, what: "p= appears twice",
			heals: true},
		"a last semicolon":  {zone: is("v=DKIM1; k=rsa; n=note; p=" + p + ";"), what: "public half"},
		"spaces in the key": {zone: is("v = DKIM1 ; p = " + p[:99] + " " + p[99:]), what: "public half"},
		"a bare key":        {zone: is("v=DKIM1; p=" + bare), what: "public half"},
		"2047 bits": {setup: key(shaped(2047, 1)), level: wrong, what: "RSA key of 2047 bits",
			fix: "-selector optin2"},
		"512 bits": {setup: key(shaped(512, 1)), level: wrong, what: "RSA key of 512 bits",
			fix: "optin keys -dkim"},
		"no such kind": {setup: key("hello"), level: wrong, what: "neither an RSA nor an Ed25519 key"},
		"Ed25519":      {zone: is("v=DKIM1; k=ed25519; p=" + edP), setup: key(ed), what: "public half"},
		"Ed25519 alone": {zone: is("v=DKIM1; k=ed25519; p=" + edP), setup: key(ed), level: warn,
			what: "Ed25519 only", fix: "optin-rsa"},
		"Ed25519 as SPKI": {zone: is("v=DKIM1; k=ed25519; p=" + edSPKI), setup: key(ed), level: wrong,
			what: "44 bytes, and an Ed25519 key has just 32"},
		"another Ed25519": {zone: is("v=DKIM1; k=ed25519; p=" + strings.Repeat("A", 43) + "="), setup: key(ed),
			level: wrong, what: "is another key."},
		"RSA for Ed25519": {setup: key(ed), level: wrong, what: "k=rsa, and ours is k=ed25519"},
		"no key at all": {setup: func(env *env) { env.Keys = nil }, level: wrong,
			what: "No DKIM key is configured", fix: "optin keys -dkim -domain gazette.example -selector optin"},
		"a key of a child": {setup: func(env *env) { env.Keys[0].Domain = "news.gazette.example" }, level: wrong,
			what: "No DKIM key is configured"},
		"a namesake's key": {setup: func(env *env) { env.Senders[0].Domain = "thegazette.example" }, level: wrong,
			about: "thegazette.example", what: "No DKIM key"},
		"a parent's key": {setup: func(env *env) { env.Senders[0].Domain = "news.gazette.example" },
			what: "public half"},
	})
}

func TestDMARCAsksAtMostEightTimes(t *testing.T) {
	env := newEnv(t, "j.mail.example.com. A 192.0.2.9")
	env.Senders[0].Domain, env.Keys = "a.b.c.d.e.f.g.h.i.j.mail.example.com", nil
	env.check(t)
	want := []string{ // the example of RFC 9989, section 4.10
		"_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com.", "_dmarc.com.", "_dmarc.example.com.",
		"_dmarc.g.h.i.j.mail.example.com.",
		"_dmarc.h.i.j.mail.example.com.", "_dmarc.i.j.mail.example.com.", "_dmarc.j.mail.example.com.",
		"_dmarc.mail.example.com.",
	}
	if diff := cmp.Diff(want, env.dns.heard("TXT", "_dmarc.")); diff != "" {
		t.Error(diff)
	}
}

func TestDMARCMustHaveAPolicy(t *testing.T) {
	is := func(s string) []string { return record("_dmarc.gazette.example.", s) }
	from := func(d string) func(*env) { return func(env *env) { env.Senders[0].Domain = d } }
	const child = "news.gazette.example"
	runRows(t, "DMARC", map[string]row{
		"none": {zone: []string{"_dmarc.gazette.example. TXT"}, level: warn, what: "has no DMARC record",
			fix: `_dmarc.gazette.example. TXT "v=DMARC1; p=none; rua=mailto:dmarc@gazette.example"`, heals: true},
		"none for a child": {zone: []string{"_dmarc.gazette.example. TXT"}, setup: from(child), about: child,
			level: warn, what: "has no DMARC", fix: "_dmarc.gazette.example. TXT", heals: true},
		"another version": {zone: is("v=DMARC2; p=reject"), level: warn, what: "has no DMARC record",
			heals: true},
		"a version in capitals": {zone: is("V=DMARC1; p=reject"), level: warn, what: "has no DMARC record"},
		"a version elsewhere":   {zone: is("p=reject; v=DMARC1"), level: warn, what: "has no DMARC record"},
		"two": {zone: append(is("v=DMARC1; p=none"), is("v=DMARC1; p=reject")...), level: wrong,
			what: "more than one DMARC record", fix: "dig +short TXT _dmarc.gazette.example"},
		"none above either": {zone: []string{"_dmarc.gazette.example. TXT"}, about: child, level: warn,
			what: "has no DMARC", fix: "_dmarc.gazette.example. TXT", setup: func(env *env) {
				env.Senders[0].Domain, env.Senders[0].Bounce, env.Keys[0].Domain = child, "gazette.example", child
			}},
		"p=none":     {zone: is("v=DMARC1;p=none"), what: "is p=none, by _dmarc.gazette.example"},
		"spaces":     {zone: is("v = DMARC1 ; p = quarantine;"), what: "is p=quarantine"},
		"capitals":   {zone: is("v=DMARC1; p=Reject"), what: "is p=Reject"},
		"in testing": {zone: is("v=DMARC1; p=reject; t=y"), what: "in testing mode"},
		"no policy": {zone: is("v=DMARC1; adkim=r"), level: wrong, what: "has no p=",
			fix: `"v=DMARC1; p=none; adkim=r"`, heals: true},
		"no policy, reports": {zone: is("v=DMARC1; rua=mailto:a@gazette.example"), level: warn,
			what: "as if it said p=none", heals: true},
		"no such policy": {zone: is("v=DMARC1; p=monitor"), level: wrong,
			what: "p=monitor, which is not a policy", heals: true},
		"no such sp": {zone: is("v=DMARC1; p=reject; sp=all"), level: wrong, what: "sp=all",
			fix: `"v=DMARC1; p=reject"`, heals: true},
		"no such np": {zone: is("v=DMARC1; p=reject; np="), level: wrong, what: "np=", heals: true},
		"a part that is none": {zone: is("v=DMARC1; p=reject; pct"), level: warn, what: "“pct”",
			fix: `"v=DMARC1; p=reject"`, heals: true},
		"a parent's": {setup: from(child), about: child, what: "is p=reject, by _dmarc.gazette.example"},
		"a parent's sp": {zone: is("v=DMARC1; p=reject; sp=none"), setup: from(child), about: child,
			what: "is sp=none"},
		"its own before that": {zone: []string{`_dmarc.news.gazette.example. TXT "v=DMARC1; p=quarantine; sp=none"`},
			setup: from(child), about: child, what: "is p=quarantine, by _dmarc.news"},
		"a public suffix's": {zone: []string{"_dmarc.gazette.example. TXT",
			`_dmarc.example. TXT "v=DMARC1; p=reject; psd=y"`}, what: "by _dmarc.example."},
		"a walk without answer": {zone: []string{"_dmarc.gazette.example. TXT", "_dmarc.example. SERVFAIL"},
			level: unknown, what: "DMARC record"},
	})
}

func TestDKIMOrSPFMustAlignWithTheSender(t *testing.T) {
	const child = "news.gazette.example"
	child1 := `_dmarc.news.gazette.example. TXT "v=DMARC1; p=reject"`
	from := func(d, bounce string) func(*env) {
		return func(env *env) { env.Senders[0].Domain, env.Senders[0].Bounce = d, bounce }
	}
	keyless := func(bounce string) func(*env) {
		return func(env *env) { env.Senders[0].Bounce, env.Keys = bounce, nil }
	}
	strict := func(s string) []string { return record("_dmarc.gazette.example.", s) }
	none := "_dmarc.gazette.example. TXT"
	runRows(t, "DMARC", map[string]row{
		"both": {what: "align by DKIM (gazette.example) and by SPF (gazette.example)"},
		"both, by organisation": {setup: from(child, "b.gazette.example"), about: child,
			what: "by DKIM (gazette.example) and by SPF (b.gazette.example)"},
		"bounces elsewhere": {setup: bounces("b.example"),
			what: "They do not align by SPF, because bounces go to b.example"},
		"SPF only": {setup: keyless(""), level: warn, what: "align by SPF (gazette.example) only",
			fix: "optin keys -dkim"},
		"neither": {setup: keyless("b.example"), level: wrong,
			what: "No DKIM key signs them, and SPF authenticates b.example",
			fix:  "optin keys -dkim -domain gazette.example"},
		"neither, with no record": {zone: []string{none}, setup: keyless("b.example"), level: wrong,
			what: "cannot pass DMARC"},
		"both, once it is pasted": {zone: []string{none}, setup: from(child, "b.gazette.example"), about: child,
			what: "by DKIM (gazette.example) and by SPF (b.gazette.example)"},
		"strict, a parent's key": {zone: strict("v=DMARC1; p=reject; adkim=s; aspf=s"),
			setup: from(child, "b.gazette.example"), about: child, level: wrong,
			what: "DKIM authenticates gazette.example and SPF b.gazette.example",
			fix:  `"v=DMARC1; p=reject; aspf=s"`, heals: true},
		"strict DKIM only": {zone: strict("v=DMARC1; p=reject; adkim=s"),
			setup: from(child, "b.gazette.example"), about: child, level: warn,
			what: "align by SPF (b.gazette.example) only", heals: true},
		"strict SPF only": {zone: strict("v=DMARC1; p=reject; aspf=s"), setup: bounces("b.gazette.example"),
			what: "They do not align by SPF"},
		"strict, the very same": {zone: strict("v=DMARC1; p=reject; adkim=s; aspf=s"),
			what: "by DKIM (gazette.example) and by SPF"},
		"a child with a record": {zone: []string{none, child1}, setup: from(child, "b.example"), about: child,
			level: wrong, what: "cannot pass DMARC", fix: "_dmarc.gazette.example. TXT", heals: true},
		"a child on its own": {zone: []string{`_dmarc.news.gazette.example. TXT "v=DMARC1; p=reject; psd=n"`},
			setup: from(child, "b.example"), about: child, level: wrong, what: "cannot pass",
			fix: "optin keys -dkim -domain news.gazette.example"},
		"below a public suffix": {zone: []string{none, `_dmarc.example. TXT "v=DMARC1; p=none; psd=y"`},
			setup: from(child, "b.other.example"), about: child, what: "They do not align by SPF"},
		"a suffix that sends": {zone: strict("v=DMARC1; p=none; psd=y"), what: "align by DKIM (gazette.example)"},
		"bounces without answer": {zone: []string{"_dmarc.b.example. SERVFAIL"}, setup: bounces("b.example"),
			level: unknown, what: "domains that authenticate it"},
	})
}

func TestTheRelaysAddressMustHaveAName(t *testing.T) {
	const at = "192.0.2.7"
	v6 := "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
	runRows(t, "PTR", map[string]row{
		"both ways": {about: at, what: "is named relay.example, which resolves back"},
		"none": {zone: []string{"7.2.0.192.in-addr.arpa. PTR"}, about: at, level: warn, what: "has no name",
			fix: "7.2.0.192.in-addr.arpa. PTR relay.example.", heals: true},
		"not back": {zone: []string{"7.2.0.192.in-addr.arpa. PTR pool-7.isp.example."}, about: at, level: warn,
			what: "pool-7.isp.example, which does not resolve back", fix: "pool-7.isp.example. A 192.0.2.7",
			heals: true},
		"back to another": {zone: []string{"7.2.0.192.in-addr.arpa. PTR pool-7.isp.example.",
			"pool-7.isp.example. A 192.0.2.8"}, about: at, level: warn, what: "does not resolve back"},
		"one of two": {zone: []string{"7.2.0.192.in-addr.arpa. PTR a.example.",
			"7.2.0.192.in-addr.arpa. PTR relay.example."}, about: at, what: "named relay.example"},
		"IPv6 none": {zone: []string{"relay.example. AAAA 2001:db8::7"}, about: "2001:db8::7", level: warn,
			what: "has no name", fix: v6 + " PTR relay.example.", heals: true},
		"IPv6": {zone: []string{"relay.example. AAAA 2001:db8::7", v6 + " PTR relay.example."},
			about: "2001:db8::7", what: "which resolves back"},
		"no answer": {zone: []string{"relay.example. SERVFAIL"}, about: "relay.example", level: unknown,
			what: "did not answer", fix: "Try again"},
		"no address": {zone: []string{"relay.example. A"}, about: "relay.example", level: unknown,
			what: "The relay relay.example has no address in DNS. So it is unknown whether SPF", fix: "smtp.url"},
		"a bare number": {zone: []string{"7.2.0.192.in-addr.arpa. PTR"},
			setup: func(env *env) { env.Relays[0].Host = at }, about: at, level: warn, what: "has no name",
			fix: "Replace mail.example"},
	})
	env := newEnv(t)
	env.Relays[0].Host = "10.1.2.3"
	for _, f := range env.check(t) {
		if f.Check == "PTR" {
			t.Errorf("of a private address: %s", show([]preflight.Finding{f}))
		}
	}
}
