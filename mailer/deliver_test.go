package mailer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

func TestAnEmailArrivesAndItsAcceptanceIsEvidence(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	env.deliver(job)

	got := r.received()
	if len(got) != 1 {
		t.Fatalf("%d emails, want 1", len(got))
	}
	if got[0].mail != "MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME" || got[0].rcpt != "RCPT TO:<"+ada+">" {
		t.Errorf("envelope %q, %q", got[0].mail, got[0].rcpt)
	}
	m := parse(t, got[0].raw)
	header := map[string][]string(m.header)
	delete(header, "Content-Type") // parse has seen to it
	delete(header, "Subject")
	if diff := cmp.Diff(map[string][]string{
		"From": {`"La Gazette" <bonjour@gazette.example>`}, "To": {"<" + ada + ">"},
		"Date":       {"Sat, 21 Nov 2026 12:00:00 +0000"},
		"Message-Id": {"<" + job.Key.ID + job.ID + "@gazette.example>"}, "Mime-Version": {"1.0"},
		"Auto-Submitted": {"auto-generated"}, "Feedback-Id": {"confirm:gazette:optin:gazette.example"},
		"Form-Sub": {"v=1 ; ip=none"}, "Content-Language": {"fr"},
	}, header); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(m.subject, "La Gazette") {
		t.Errorf("subject %q", m.subject)
	}
	text := links(m.text)
	if len(text) != 2 || !slices.Equal(text, links(m.html)) {
		t.Fatalf("links %q in the text, %q in the HTML; want the same two", text, links(m.html))
	}
	token := text[0][strings.LastIndexByte(text[0], '/')+1:]
	if v, err := env.Person.View(t.Context(), token); err != nil || v.Address.String() != ada {
		t.Errorf("the link shows %v, %v", v.Address, err)
	}

	sum := sha256.Sum256(got[0].raw)
	want := &consent.Delivery{
		At: noon, Reply: "250 2.0.0 Ok: queued as 4FD1",
		SHA256: hex.EncodeToString(sum[:]), Unsigned: hex.EncodeToString(sum[:]), Skeleton: env.taken(job).Skeleton,
	}
	if diff := cmp.Diff(want, env.taken(job)); diff != "" {
		t.Error(diff)
	}
	if env.isDue(job) {
		t.Error("it is still due")
	}
	line := env.lastLog()
	delete(line, "time")
	delete(line, "ms")
	if diff := cmp.Diff(map[string]any{
		"level": "INFO", "msg": "email", "job": job.ID, "site": "gazette", "type": "confirm", "to": "a…@…",
		"subscription": job.Key.ID, "outcome": "delivered", "code": 250.0,
		"reply": "250 2.0.0 Ok: queued as 4FD1",
	}, line); diff != "" {
		t.Error(diff)
	}
	env.noSecrets(nil)
}

func TestAnEmailToSomebodyWhoAgreedCanBeUnsubscribedInOneClick(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	env.deliver(env.signUp(ada))
	confirmURL := links(parse(t, r.received()[0].raw).text)[0]
	token := confirmURL[strings.LastIndexByte(confirmURL, '/')+1:]
	if _, err := env.Person.Confirm(t.Context(), token, nil, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.advance(time.Hour)
	job := env.signUp(ada)
	env.deliver(job)
	m := parse(t, r.received()[1].raw)
	one := m.header.Get("List-Unsubscribe")
	if len(links(one)) != 1 || one != "<"+links(one)[0]+">" ||
		m.header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe: %s\nList-Unsubscribe-Post: %s", one, m.header.Get("List-Unsubscribe-Post"))
	}
	if all := links(m.text); len(all) != 1 || one != "<"+all[0]+">" {
		t.Errorf("the text has %q, the header %s", all, one)
	}
	if !strings.Contains(string(r.received()[1].raw), "\r\nList-Unsubscribe: <https://") {
		t.Error("the link does not stand on the line of its field")
	}
	if got := env.lastLog()["type"]; got != "known" || env.isDue(job) {
		t.Errorf("type %v, still due %v", got, env.isDue(job))
	}
	env.noSecrets(nil)
}

func TestAnEmailThatIsNoLongerDueIsNotSent(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	env.advance(49 * time.Hour)
	if ended, err := env.Run(t.Context(), job); ended || err != nil {
		t.Errorf("ended %v, %v; want it left to the caller", ended, err)
	}
	if got := env.lastLog()["outcome"]; got != "not due" || r.dialled() != 0 {
		t.Errorf("outcome %v, %d connections", got, r.dialled())
	}
}

func TestASiteThatIsNotConfiguredWaits(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Sites = map[string]mailer.Site{"other": o.Sites["gazette"]} })
	job := env.signUp(ada)
	if ended, err := env.Run(t.Context(), job); ended || err == nil ||
		!strings.Contains(err.Error(), `site "gazette" is not configured`) {
		t.Errorf("ended %v, %v", ended, err)
	}
	if !env.isDue(job) || r.dialled() != 0 {
		t.Error("it is ended, or the relay was contacted")
	}
}

func TestAnAddressBeyondASCIIIsWrittenToAsItIsOrNotAtAll(t *testing.T) {
	const jörg = "jörg@bücher.example"
	t.Run("offered", func(t *testing.T) {
		r := startRelay(t)
		env := newEnv(t, r.addr)
		env.deliver(env.signUp(jörg))
		got := r.received()[0]
		if !strings.HasSuffix(got.mail, " SMTPUTF8") || got.rcpt != "RCPT TO:<jörg@xn--bcher-kva.example>" {
			t.Errorf("envelope %q, %q", got.mail, got.rcpt)
		}
		if to := parse(t, got.raw).header.Get("To"); to != "<jörg@xn--bcher-kva.example>" {
			t.Errorf("To: %s", to)
		}
	})
	t.Run("not offered", func(t *testing.T) {
		r := startRelay(t, func(r *fakeRelay) { r.ext = []string{"8BITMIME"} })
		env := newEnv(t, r.addr)
		for _, address := range []string{jörg, "jörgen@bücher.example"} { // on a new connection, and on the kept one
			job := env.signUp(address)
			if ended, err := env.Run(t.Context(), job); !ended || err != nil {
				t.Fatalf("ended %v, %v", ended, err)
			}
			if q := env.request(job); q.State != consent.Undeliverable || q.Closed.Reply != "relay offers no SMTPUTF8" {
				t.Errorf("%+v", q)
			}
		}
		env.deliver(env.signUp(ada))
		if r.heard("MAIL") != 1 || r.dialled() != 1 {
			t.Errorf("%d emails were begun on %d connections, want 1 on 1", r.heard("MAIL"), r.dialled())
		}
	})
}

func TestALostLeaseIsNoError(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	env.advance(mailer.MaxDuration + time.Second)
	theirs := env.lease() // somebody else has it now
	if ended, err := env.Run(t.Context(), job); !ended || err != nil || env.lastLog()["outcome"] != "lost" {
		t.Errorf("ended %v, %v; want nothing left to do", ended, err)
	}
	env.deliver(theirs) // of this process: it knows that the email is sent
	if len(r.received()) != 1 || env.taken(theirs) == nil {
		t.Errorf("%d emails", len(r.received()))
	}
}

// It may wait for us to speak its own language.
func TestWhatIsNoMailServerIsNotWaitedFor(t *testing.T) {
	for at, words := range map[string]string{
		"greeting": "SSH-2.0-OpenSSH_9.2p1", "EHLO": "500Syntax", "MAIL": "Bad-command", "RCPT": "* BAD", ".": "OK-",
	} {
		r := startRelay(t, says(at, words))
		env := newEnv(t, r.addr)
		began := time.Now()
		_, err := env.Run(t.Context(), env.signUp(ada))
		took := time.Since(began)
		if err == nil || !strings.Contains(err.Error(), "an answer that is not SMTP") || took > time.Second {
			t.Errorf("%s: %v after %v", at, err, took)
		}
	}
}

func TestCheckReportsWhatIsWrongWithTheRelay(t *testing.T) {
	good := startRelay(t)
	if err := newEnv(t, good.addr).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if good.heard("QUIT") != 1 || good.heard("DATA") != 0 {
		t.Errorf("it said %q", good.said)
	}
	closed := startRelay(t, says("greeting", "554 5.7.1 your network is listed"))
	err := newEnv(t, closed.addr).Check(t.Context())
	if err == nil || err.Error() != "mailer: relay, greeting: 554 5.7.1 your network is listed" {
		t.Errorf("%v", err)
	}
	if notBeforeOf(err) != -1 || waitOf(err) != -1 {
		t.Error("it asks for a delay")
	}
}
