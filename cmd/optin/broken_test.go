package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// With one thing broken, the first page of the dashboard names it, and says what to do about it: that is all that these
// tests read of the running program.

// sees logs in to the dashboard, and waits until its first page says all of that, as regular expressions.
func (a *actor) sees(name string, all ...string) {
	a.t.Helper()
	r, said := newPlainBrowser(a.t), ""
	r.open(a.base + "/admin/login")
	r.submit("form", map[string]string{"password": "a-password-for-tests"})
	defer func() {
		if a.t.Failed() {
			a.t.Logf("%s: the page says\n%s", name, said)
		}
	}()
	a.eventually(name, func() bool {
		r.open(a.base + "/admin")
		said = r.text()
		return r.status == http.StatusOK && !slices.ContainsFunc(all, func(want string) bool {
			return !regexp.MustCompile(want).MatchString(said)
		})
	})
}

// fine is what the page says where nothing is broken.
const fine = "^Now All is as it should be"

// signsUp signs some people up.
func (a *actor) signsUp(domain string, n int) {
	a.t.Helper()
	for i := range n {
		if code := a.SignUp(fmt.Sprintf("reader%d@%s", i, domain)); code != http.StatusAccepted {
			a.t.Fatalf("a signup: %d", code)
		}
	}
}

func TestTheDashboardNamesAnUnsafeStoreAndWhatMendsIt(t *testing.T) {
	for setting, unsafe := range map[string][3]string{
		"maxmemory-policy": {"allkeys-lru", "noeviction"},
		"appendonly":       {"no", "yes"},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			server := redisServer(t)
			a := newEnv(t, server.url()).start()
			a.sees("nothing", fine)
			if reply := server.ask("CONFIG SET " + setting + " " + unsafe[0]); reply != "+OK\r\n" {
				t.Fatal(reply)
			}
			a.sees("an unsafe store",
				`The store is unsafe: `+setting+` is `+unsafe[0]+`, must be `+unsafe[1]+`\. Below is what mends it\.`,
				`What is accepted now may be lost: `+setting+` is `+unsafe[0]+`, must be `+unsafe[1],
				`This mends it: .*CONFIG SET `+setting+` `+unsafe[1])
		})
	}
}

// refusingEnv is an env whose relay refuses all recipients at some domains.
func refusingEnv(t *testing.T, by inbox.Refusal, domains ...string) *env {
	t.Helper()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	mail, err := inbox.Open("127.0.0.1:0", inbox.Refuse(func(to string) *inbox.Refusal {
		for _, domain := range domains {
			if strings.HasSuffix(to, "@"+domain) {
				return &by
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mail.Close() })
	e.relayAddr = mail.Addr()
	return e
}

func TestTheDashboardNamesARelayThatRefusesUsAndTheRemedy(t *testing.T) {
	t.Parallel()
	e := refusingEnv(t, inbox.Refusal{
		Code: 554, Enhanced: [3]int{5, 7, 1}, Words: "Service unavailable; client host blocked using zen.bl.example",
	}, "reader.example")
	a := e.start()
	a.sees("nothing", fine)
	a.signsUp("reader.example", 2)
	a.sees("a relay that refuses us",
		`The relay `+regexp.QuoteMeta(e.relayAddr)+` refuses us for 1 domain\. A block list has the relay's IP.*: ask `+
			`it to take you off`, `In its own words: “554 5\.7\.1 .*blocked using zen\.bl\.example”`)
}

func TestTheDashboardNamesARelayThatIsGoneAndTheRemedy(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.relayAddr = childtest.FreeAddr(t)
	a := e.start()
	a.signsUp("reader.example", 2)
	a.sees("a relay that is gone", `The relay `+regexp.QuoteMeta(e.relayAddr)+` has been paused for \d+ seconds?\. `+
		`Nothing listens there: start the relay, or correct smtp\.url`)
}

func TestTheDashboardNamesADomainThatIsStuckAndTheRemedy(t *testing.T) {
	t.Parallel()
	a := refusingEnv(t, inbox.Refusal{
		Code: 451, Enhanced: [3]int{4, 3, 1}, Words: "mx1.heron.example: the queue is full, try again later",
	}, "heron.example").start()
	a.signsUp("heron.example", 3)
	a.signsUp("reader.example", 1)
	a.sees("a domain that is stuck", `Emails to heron\.example are stuck: 3 people wait\. A server on the way does `+
		`not answer\. They are tried again by themselves; once the cause is gone, Emails tries them at once\.`,
		`In its own words: “451 4\.3\.1 mx1\.heron\.example: the queue is full, try again later”`)
}

// verifyingRelay starts a relay that takes an email only if its DKIM signature fits the record that is published.
func verifyingRelay(t *testing.T, published string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return verifyingSession{published: published}, nil
	}))
	s.Domain = "relay.test"
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

type verifyingSession struct {
	refusingSession
	published string
}

func (verifyingSession) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (s verifyingSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{s.published}, nil },
	})
	if err == nil && len(found) > 0 && found[0].Err == nil {
		return nil
	}
	return &smtp.SMTPError{
		Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 20}, Message: "No passing DKIM signature of gazette.example",
	}
}

func TestTheDashboardNamesAWrongDKIMKeyAndTheRemedy(t *testing.T) {
	t.Parallel()
	key := func() (pemText, record string) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
			"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	ours, fits := key()
	_, another := key()
	for name, published := range map[string]string{"the right key": fits, "another key": another} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
			e.relayAddr = verifyingRelay(t, published)
			file := filepath.Join(t.TempDir(), "dkim.pem")
			e.must(os.WriteFile(file, []byte(ours), 0o600))
			e.edits = []string{"connections: 4}",
				"connections: 4, dkim: [{domain: gazette.example, selector: optin, key_file: " + file + "}]}"}
			a := e.start()
			a.signsUp("reader.example", 1)
			if published == fits {
				a.sees("nothing", fine, "Emails taken by a relay 1")
				return
			}
			a.sees("a wrong DKIM key", `The relay `+regexp.QuoteMeta(e.relayAddr)+` refuses us for 1 domain\. Our `+
				`DKIM signature is wrong or missing: run optin check, and publish the DNS record that it shows for `+
				`the key under smtp\.dkim`,
				`In its own words: “550 5\.7\.20 No passing DKIM signature of gazette\.example”`)
		})
	}
}

func TestTheDashboardNamesAnEndpointThatIsDownAndTheRemedy(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	gone := childtest.FreeAddr(t)
	e.siteYAML = fmt.Sprintf("    webhooks: [{url: \"http://%s/hooks\", secret: %s, private: true}]\n", gone,
		hookSecret)
	e.confirmAgo(10*time.Minute, "ada@reader.example")
	a := e.start()
	a.sees("an endpoint that is down", `Webhook `+regexp.QuoteMeta(gone)+`: Fails for \d+ minutes\. `+
		`Dial: connection refused\. 1 event waits.*Nothing listens there: start it, or correct the webhook's url\. `+
		`What waits is told by itself as soon as it answers`)
}

// confirmAgo has somebody sign up and confirm some time ago, and an endpoint told of it.
func (e *env) confirmAgo(ago time.Duration, email string) {
	e.t.Helper()
	clock, cfg, log, ctx := new(movedClock), e.parse(), slog.New(slog.DiscardHandler), e.t.Context()
	clock.to(time.Now().Add(-ago))
	st, err := openStoreFor(ctx, cfg.Store, storeOptions{log: log, now: clock.now, patience: patient})
	e.must(err)
	defer st.Close()
	c, err := newCoreAt(cfg, st, log, hooks{}, clock.now)
	e.must(err)
	e.must(c.identity.Check(ctx))
	e.must(c.service.PutStatements(ctx))
	pages, err := templates.New()
	e.must(err)
	g := &generation{stopper: stopper{log: log}, metrics: metrics.New(), relays: admin.NewRelays(clock.now)}
	defer g.stopAll(context.WithoutCancel(ctx))
	box, err := g.newOutbox(c, pages, extra{})
	e.must(err)
	a, err := address.Parse(email)
	e.must(err)
	e.must(c.service.Person.SignUp(ctx, "gazette", confirm.Signup{
		Address: a, Purposes: []string{"letter"}, Locale: "en", Evidence: consent.Evidence{How: consent.ByForm},
	}))
	all := func(store.QueueName) bool { return false }
	e.must(box.RunDue(ctx, all))
	_, token, _ := strings.Cut(confirmLink(e.actor(e.listen).Email(email)), "/c/")
	_, err = c.service.Person.Confirm(ctx, token, nil, consent.Evidence{How: consent.ByLink})
	e.must(err)
	e.must(box.RunDue(ctx, all))
}
