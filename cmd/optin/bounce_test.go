package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// bounceReport returns a report as a mail system sends it to an email's return path.
func bounceReport(returnPath, status, words string) string {
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

// complaintReport returns a complaint about an email, as mailbox providers send it.
func complaintReport(returnPath string) string {
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

// pipeBounce pipes a message into `optin bounce`, as a mail system does.
func (e *env) pipeBounce(message string, envelope ...string) (code int, output string) {
	e.t.Helper()
	var out, errs strings.Builder
	args := append([]string{"-config", e.configPath}, envelope...)
	code = readBounce(e.t.Context(), args, lookup(nil), strings.NewReader(message), &out, &errs)
	return code, out.String() + errs.String()
}

func TestBounceReportsEndRequests(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		relay := newSMTPServer(t, nil)
		e.relayAddr, e.siteYAML, e.topYAML = relay.addr, "    bounce_domain: bounces.gazette.example\n",
			"limits: {emails_per_address: 100/24h}\n"
		_, a := e.spawn(e.listen)
		sent := func(email string) string {
			t.Helper()
			if code := a.SignUp(email); code != http.StatusAccepted {
				t.Fatalf("a signup returns %d", code)
			}
			a.eventually("the email to "+email, func() bool { return len(relay.arrivedAt(email)) > 0 })
			a.eventually("it is recorded", func() bool { return a.Lookup(email).State != "" })
			return relay.returnPath(email)
		}
		pipe := func(want string, message string, envelope ...string) {
			t.Helper()
			if code, output := e.pipeBounce(message, envelope...); code != exitOK || !strings.Contains(output, want) {
				t.Errorf("it exits with %d and says %q; want %q", code, output, want)
			}
		}
		state := func(email, want string) {
			t.Helper()
			if got := a.Lookup(email).State; got != want {
				t.Errorf("%s is %q, want %q", email, got, want)
			}
		}
		ada, bob := sent("ada@people.test"), sent("bob@people.test")
		if !strings.HasSuffix(ada, "@bounces.gazette.example") || ada == bob || strings.Contains(ada, "people") {
			t.Fatalf("return paths are %q and %q", ada, bob)
		}
		const nobody = "550 5.1.1 no such user"
		pipe("recorded", bounceReport(ada, "4.4.1", "451 4.4.1 no answer"))
		state("ada@people.test", "pending")
		pipe("recorded", bounceReport(ada, "5.7.1", "550 5.7.1 blocked"))
		state("ada@people.test", "pending")
		forged := "b-" + strings.Repeat("a", len(ada)-len("b-@bounces.gazette.example")) + "@bounces.gazette.example"
		pipe("about no email that was sent from here", bounceReport(forged, "5.1.1", nobody))
		pipe("about no email", bounceReport("bonjour@gazette.example", "5.1.1", nobody))
		pipe("not a report", "From: ada@people.test\r\nTo: "+ada+"\r\nSubject: Re\r\n\r\nI am away.\r\n")
		state("ada@people.test", "pending")
		pipe("recorded", bounceReport(strings.ToUpper(ada), "5.1.1", nobody))
		state("ada@people.test", "undeliverable")
		pipe("recorded", bounceReport("postmaster@elsewhere.test", "5.1.1", nobody), bob)
		state("bob@people.test", "undeliverable")
	})
}

func TestAComplaintWithdrawsTheConsent(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.siteYAML = "    bounce_domain: bounces.gazette.example\n"
	_, a := e.spawn(e.listen)
	a.SignUp("ada@people.test")
	m := a.Email("ada@people.test")
	if code, state := a.Confirm(confirmLink(m)); code != http.StatusOK || state != "confirmed" {
		t.Fatalf("a confirmation returns %d %q", code, state)
	}
	if code, output := e.pipeBounce(complaintReport(m.From)); code != exitOK || !strings.Contains(output, "recorded") {
		t.Errorf("it exits with %d and says %q", code, output)
	}
	if got := a.Lookup("ada@people.test").State; got != "withdrawn" {
		t.Errorf("after a complaint she is %q", got)
	}
	if code, output := e.pipeBounce("nonsense"); code != exitOK || !strings.Contains(output, "cannot be read") {
		t.Errorf("nonsense: it exits with %d and says %q", code, output)
	}
	if code := readBounce(t.Context(), []string{"-config", e.configPath + ".not"}, lookup(nil),
		strings.NewReader(complaintReport(m.From)), io.Discard, io.Discard); code != exitTempFail {
		t.Errorf("without a configuration it exits with %d", code)
	}
	if code := readBounce(t.Context(), []string{"-what"}, lookup(nil),
		strings.NewReader(""), io.Discard, io.Discard); code != exitUsage {
		t.Errorf("with a flag that is not there it exits with %d", code)
	}
	e.store = "sqlite://" + filepath.Join(t.TempDir(), "no", "folder.db")
	e.write(e.listen)
	if code, output := e.pipeBounce(complaintReport(m.From)); code != exitTempFail {
		t.Errorf("without a store it exits with %d and says %q", code, output)
	}
}
