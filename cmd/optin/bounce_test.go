package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// bounced is a report as a mail system sends it to a letter's return path.
func bounced(returnPath, status, words string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: MAILER-DAEMON@relay.test
To: <%s>
Subject: Undelivered
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

It did not arrive.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.test

Final-Recipient: rfc822; ada@people.test
Action: failed
Status: %s
Diagnostic-Code: smtp; %s

--x--
`, returnPath, status, words), "\n", "\r\n")
}

// spam is a complaint about a letter, as providers send it.
func spam(returnPath string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: feedback@provider.test
To: abuse@gazette.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
Original-Mail-From: <%s>

--x--
`, returnPath), "\n", "\r\n")
}

// pipe hands a message to `optin bounce`, as a mail system does.
func (w *world) pipe(message string, envelope ...string) (code int, said string) {
	w.t.Helper()
	var out, errs strings.Builder
	args := append([]string{"-config", w.config}, envelope...)
	code = takeBounce(w.t.Context(), args, values(nil), strings.NewReader(message), &out, &errs)
	return code, out.String() + errs.String()
}

func TestReportsOfMailSystems(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		relay := newExchange(t, nil)
		w.smtp, w.more, w.top = relay.addr, "    bounce_domain: bounces.gazette.example\n", "limits: {emails_per_address: 100/24h}\n"
		_, a := w.spawn(w.listen)
		sent := func(email string) string {
			t.Helper()
			if code := a.SignUp(email); code != http.StatusAccepted {
				t.Fatalf("a signup answers %d", code)
			}
			a.until("the letter to "+email, func() bool { return len(relay.to(email)) > 0 })
			a.until("it is recorded", func() bool { return a.MayIWrite(email).State != "" })
			return relay.path(email)
		}
		takes := func(want string, message string, envelope ...string) {
			t.Helper()
			if code, said := w.pipe(message, envelope...); code != exitOK || !strings.Contains(said, want) {
				t.Errorf("it ends with %d and says %q; want %q", code, said, want)
			}
		}
		state := func(email, want string) {
			t.Helper()
			if got := a.MayIWrite(email).State; got != want {
				t.Errorf("%s is %q, want %q", email, got, want)
			}
		}
		ada, bob := sent("ada@people.test"), sent("bob@people.test")
		if !strings.HasSuffix(ada, "@bounces.gazette.example") || ada == bob || strings.Contains(ada, "ada") {
			t.Fatalf("return paths are %q and %q", ada, bob)
		}
		const nobody = "550 5.1.1 no such user"
		takes("taken in", bounced(ada, "4.4.1", "451 4.4.1 no answer"))
		state("ada@people.test", "pending")
		takes("taken in", bounced(ada, "5.7.1", "550 5.7.1 blocked"))
		state("ada@people.test", "pending")
		forged := "b-" + strings.Repeat("a", len(ada)-len("b-@bounces.gazette.example")) + "@bounces.gazette.example"
		takes("of no letter that was sent from here", bounced(forged, "5.1.1", nobody))
		takes("of no letter", bounced("bonjour@gazette.example", "5.1.1", nobody))
		takes("no report", "From: ada@people.test\r\nTo: "+ada+"\r\nSubject: Re\r\n\r\nI am away.\r\n")
		state("ada@people.test", "pending")
		takes("taken in", bounced(strings.ToUpper(ada), "5.1.1", nobody))
		state("ada@people.test", "undeliverable")
		takes("taken in", bounced("postmaster@elsewhere.test", "5.1.1", nobody), bob)
		state("bob@people.test", "undeliverable")
	})
}

func TestAComplaintTakesTheConsentBack(t *testing.T) {
	w := newWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	w.more = "    bounce_domain: bounces.gazette.example\n"
	_, a := w.spawn(w.listen)
	a.SignUp("ada@people.test")
	l := a.Letter("ada@people.test")
	if code, state := a.Press(confirmLink(l)); code != http.StatusOK || state != "confirmed" {
		t.Fatalf("a press answers %d %q", code, state)
	}
	if code, said := w.pipe(spam(l.From)); code != exitOK || !strings.Contains(said, "taken in") {
		t.Errorf("it ends with %d and says %q", code, said)
	}
	if got := a.MayIWrite("ada@people.test").State; got != "withdrawn" {
		t.Errorf("after a complaint she is %q", got)
	}
	if code, said := w.pipe("nonsense"); code != exitOK || !strings.Contains(said, "cannot be read") {
		t.Errorf("nonsense: it ends with %d and says %q", code, said)
	}
	if code := takeBounce(t.Context(), []string{"-config", w.config + ".not"}, values(nil), strings.NewReader(spam(l.From)), io.Discard, io.Discard); code != exitLater {
		t.Errorf("without a configuration it ends with %d", code)
	}
	if code := takeBounce(t.Context(), []string{"-what"}, values(nil), strings.NewReader(""), io.Discard, io.Discard); code != exitUsage {
		t.Errorf("with a flag that is not there it ends with %d", code)
	}
	w.store = "sqlite://" + filepath.Join(t.TempDir(), "no", "folder.db")
	w.write(w.listen)
	if code, said := w.pipe(spam(l.From)); code != exitLater {
		t.Errorf("without a store it ends with %d and says %q", code, said)
	}
}
