package preflight_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/preflight"
	"github.com/optin/optin/internal/relay"
)

// bigKey looks like an RSA key. Nothing is signed with it.
var bigKey = sync.OnceValue(func() *rsa.PublicKey { return shaped(2048, 1) })

func shaped(bits, odd int64) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits)-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(2*odd+1)), E: 65537}
}

func spki(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// env is a valid setup, with a name server and a relay of its own. Rows change it.
type env struct {
	preflight.Options
	dns  *nameServer
	mail *mailHost
}

func newEnv(t *testing.T, lines ...string) *env {
	t.Helper()
	p := spki(t, bigKey())
	env := &env{dns: serveDNS(t,
		"gazette.example. MX 10 mx.gazette.example.",
		"mx.gazette.example. A 192.0.2.25",
		`gazette.example. TXT "v=spf1 ip4:192.0.2.7 -all"`,
		fmt.Sprintf(`optin._domainkey.gazette.example. TXT "v=DKIM1; k=rsa; p=%s" "%s"`, p[:200], p[200:]),
		`_dmarc.gazette.example. TXT "v=DMARC1; p=reject"`,
		"relay.example. A 192.0.2.7",
		"7.2.0.192.in-addr.arpa. PTR relay.example.",
	)}
	env.dns.paste(t, lines...)
	secure, roots := certificate(t, -1, 60, "relay.example")
	env.mail = serveMail(t, &mailHost{tls: secure})
	env.Options = preflight.Options{
		Resolver: env.dns.resolver(), Now: today, Roots: roots, Dial: env.mail.dial, Public: "confirm.example",
		Senders: []preflight.Sender{{Domain: "gazette.example", Sites: []string{"gazette"}}},
		Keys:    []preflight.DKIMKey{{Domain: "gazette.example", Selector: "optin", Public: bigKey()}},
		Relays:  []relay.Address{{Host: "relay.example", Port: 587, TLS: relay.Required}},
	}
	return env
}

func (env *env) check(t *testing.T) []preflight.Finding {
	t.Helper()
	return preflight.Check(t.Context(), env.Options)
}

// row is one change of the setup, and the finding that it must cause.
type row struct {
	zone  []string
	setup func(*env)
	level preflight.Level
	about string // gazette.example unless set
	what  string // in the finding
	fix   string // in one of its steps
	heals bool   // once its lines are pasted, all findings of the check are OK
}

// runRows runs the rows of one check.
func runRows(t *testing.T, check string, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newEnv(t, r.zone...)
			if r.setup != nil {
				r.setup(env)
			}
			if r.about == "" {
				r.about = "gazette.example"
			}
			all := env.check(t)
			i := slices.IndexFunc(all, func(f preflight.Finding) bool {
				return f.Check == check && f.About == r.about && f.Level == r.level && strings.Contains(f.What, r.what)
			})
			if i < 0 {
				t.Fatalf("no %v of %s %q with %q:\n%s", r.level, check, r.about, r.what, show(all))
			}
			f := all[i]
			if (f.Level == preflight.OK) != (len(f.Fix) == 0) {
				t.Errorf("%v has %d steps", f.Level, len(f.Fix))
			}
			if !strings.Contains(strings.Join(f.Fix, "\n"), r.fix) {
				t.Errorf("the steps are %q, want %q", f.Fix, r.fix)
			}
			if !r.heals {
				return
			}
			if env.dns.paste(t, f.Fix...) == 0 {
				t.Fatalf("there is no line to paste in %q", f.Fix)
			}
			for _, f := range env.check(t) {
				if f.Check == check && f.Level != preflight.OK {
					t.Errorf("after it was pasted: %s", show([]preflight.Finding{f}))
				}
			}
		})
	}
}

func show(all []preflight.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%-8v%-12s%s: %s\n", f.Level, f.Check, f.About, f.What)
		for _, line := range f.Fix {
			fmt.Fprintf(&b, "        > %s\n", line)
		}
	}
	return b.String()
}

func TestAValidSetupHasOnlyFindingsThatAreOK(t *testing.T) {
	env := newEnv(t)
	all := env.check(t)
	var got []string
	for _, f := range all {
		got = append(got, f.Check+" "+f.About)
		if f.Level != preflight.OK || f.What == "" || f.Fix != nil {
			t.Errorf("%s", show([]preflight.Finding{f}))
		}
	}
	want := []string{
		"MX gazette.example", "SPF gazette.example", "SPF gazette.example", "DKIM gazette.example",
		"DMARC gazette.example",
		"DMARC gazette.example", "PTR 192.0.2.7", "STARTTLS relay.example:587", "certificate relay.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(all, env.check(t)); diff != "" {
		t.Errorf("a second run differs: %s", diff)
	}
}

func TestEachQuestionIsAskedOnce(t *testing.T) {
	env := newEnv(t)
	env.Senders = append(env.Senders, preflight.Sender{Domain: "GAZETTE.example.", Sites: []string{"second"}},
		preflight.Sender{Domain: "gazette.example", Bounce: "b.gazette.example", Sites: []string{"third"}})
	all := env.check(t)
	env.dns.mu.Lock()
	defer env.dns.mu.Unlock()
	for q, n := range env.dns.asked {
		// a relay's name is searched for, and the same name stands in PTR
		if host := strings.HasPrefix(q, "relay.example. "); n > 1 && (!host || n > 2) {
			t.Errorf("%s was asked %d times", q, n)
		}
	}
	mx, sites := all[0], []string{"gazette", "second", "third"}
	if mx.Check != "MX" || !cmp.Equal(mx.Sites, sites) {
		t.Errorf("%s is about the sites %q, want %q", mx.Check, mx.Sites, sites)
	}
}

func TestDNSThatDoesNotAnswerIsUnknownAndNeverWrong(t *testing.T) {
	names := []string{
		"gazette.example.", "mx.gazette.example.", "optin._domainkey.gazette.example.", "_dmarc.gazette.example.",
		"relay.example.", "7.2.0.192.in-addr.arpa.",
	}
	checks := map[string]string{
		"gazette.example.": "MX SPF", "mx.gazette.example.": "MX", "optin._domainkey.gazette.example.": "DKIM",
		"_dmarc.gazette.example.": "DMARC", "relay.example.": "PTR", "7.2.0.192.in-addr.arpa.": "PTR",
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newEnv(t, name+" SERVFAIL")
			var got []string
			for _, f := range env.check(t) {
				if f.Level == preflight.OK {
					continue
				}
				if f.Level != preflight.Unknown || len(f.Fix) == 0 || strings.Contains(f.What, env.dns.addr) {
					t.Errorf("%s", show([]preflight.Finding{f}))
				}
				if !slices.Contains(got, f.Check) {
					got = append(got, f.Check)
				}
			}
			if all := strings.Join(got, " "); all != checks[name] {
				t.Errorf("unknown are %q, want %q", all, checks[name])
			}
		})
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	env := newEnv(t, "gazette.example. SILENT", "_dmarc.gazette.example. SILENT", "relay.example. SILENT")
	env.mail.greeting = "-"
	env.Relays = append(env.Relays, relay.Address{Host: "127.0.0.1", Port: 465, TLS: relay.Implicit})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	all := preflight.Check(ctx, env.Options)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	unknown := 0
	for _, f := range all {
		switch f.Level {
		case preflight.Unknown:
			unknown++
		case preflight.Wrong, preflight.Warn:
			t.Errorf("%s", show([]preflight.Finding{f}))
		}
	}
	if unknown < 6 {
		t.Errorf("%d are unknown:\n%s", unknown, show(all))
	}
}

func TestControlCharactersFromDNSDoNotReachATerminal(t *testing.T) {
	env := newEnv(t, "gazette.example. TXT \"v=spf1 \x1b[2Jred -all\"")
	for _, f := range env.check(t) {
		if strings.ContainsFunc(f.What+strings.Join(f.Fix, ""), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q %q", f.What, f.Fix)
		}
	}
}

func TestLevelsHaveNames(t *testing.T) {
	if got := fmt.Sprint(ok, warn, wrong, unknown); got != "ok warn wrong unknown" {
		t.Error(got)
	}
}
