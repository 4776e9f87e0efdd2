package mailer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
)

const ada = "ada.lovelace@example.org"

func TestEveryAnswerOfEveryStepHasItsConsequence(t *testing.T) {
	// The relay repeats the recipient where it knows one, as relays do.
	const (
		delivered, undeliverable, later, maybe = "delivered", "undeliverable", "later", "maybe sent"

		to = " <" + ada + ">: "
	)
	rows := []struct {
		verb, reply string
		outcome     string
		code        int
		told        string // in the error, or the evidence
	}{
		{"greeting", "554 5.7.1 not you", later, 554, "greeting: 554 5.7.1 not you"},
		{"greeting", "421 4.3.2 closing", later, 421, "greeting: 421"},
		{"greeting", hangUp, later, 0, "greeting: the connection was closed"},
		{"greeting", stall, later, 0, "greeting: no answer in time"},
		{"greeting", "HTTP/1.1 400 Bad Request", later, 0, "greeting: an answer that is not SMTP"},
		{"EHLO", "550 5.7.1 go away", later, 0, "AUTH: the relay offers no mechanism"}, // HELO is taken, which offers nothing
		{"EHLO", hangUp, later, 0, "EHLO: the connection was closed"},
		{"AUTH", "535 5.7.8 wrong password hunter2", later, 535, "AUTH: 535 5.7.8 wrong password …"},
		{"AUTH", "454 4.7.0 not now", later, 454, "AUTH: 454"},
		{"AUTH", hangUp, later, 0, "AUTH: the connection was closed"},
		{"MAIL", "550 5.7.1 sender blocked for" + to, later, 550, "MAIL: 550 5.7.1"},
		{"MAIL", "530 5.7.0 must issue STARTTLS", later, 530, "MAIL: 530"},
		{"MAIL", "452 4.3.1 full", later, 452, "MAIL: 452 4.3.1"},
		{"MAIL", "421 4.3.2 closing", later, 421, "MAIL: 421"},
		{"MAIL", hangUp, later, 0, "MAIL: the connection was closed"},
		{"MAIL", stall, later, 0, "MAIL: no answer in time"},
		{"RCPT", "550 5.7.26" + to + "your domain has no DKIM", later, 550, "RCPT: 550 5.7.26"},
		{"DATA", "550 5.7.515 access denied", later, 550, "DATA: 550 5.7.515"},
		{"RCPT", "550 5.7.1" + to + "you are blocked", undeliverable, 550, "550 5.7.1" + to + "you are blocked"},
		{"RCPT", "550 5.1.1" + to + "user unknown", undeliverable, 550, "550 5.1.1" + to + "user unknown"},
		{"RCPT", "550-5.1.1" + to + "\r\n550 5.1.1 unknown", undeliverable, 550, "550 5.1.1" + to + "5.1.1 unknown"},
		{"RCPT", "553 bad\x07name", undeliverable, 553, "553 bad name"},
		{"RCPT", "554 5.7.1 " + strings.Repeat("long ", 300), undeliverable, 554, "554 5.7.1 long"},
		{"RCPT", "450 4.2.0" + to + "greylisted", later, 450, "RCPT: 450 4.2.0"},
		{"RCPT", "421 4.3.2" + to + "closing", later, 421, "RCPT: 421 4.3.2"},
		{"RCPT", "503 5.5.1" + to + "need MAIL", later, 503, "RCPT: 503 5.5.1"},
		{"RCPT", "530 5.7.0" + to + "authenticate", later, 530, "RCPT: 530 5.7.0"},
		{"RCPT", "what" + to, later, 0, "RCPT: an answer that is not SMTP"},
		{"RCPT", hangUp, later, 0, "RCPT: the connection was closed"},
		{"RCPT", stall, later, 0, "RCPT: no answer in time"},
		{"DATA", "554 5.5.1 no valid recipients", undeliverable, 554, "554 5.5.1 no valid recipients"},
		{"DATA", "451 4.3.0 local error", later, 451, "DATA: 451 4.3.0"},
		{"DATA", "250 what", later, 250, "DATA: 250"},
		{"DATA", hangUp, later, 0, "DATA: the connection was closed"},
		{"DATA", stall, later, 0, "DATA: no answer in time"},
		{".", "554 5.7.1 spam for" + to, undeliverable, 554, "554 5.7.1 spam for" + strings.TrimSuffix(to, " ")},
		{".", "451 4.7.1" + to + "later", later, 451, "end of data: 451 4.7.1"},
		{".", "421 4.3.2" + to + "closing", maybe, 421, "end of data: 421 4.3.2"},
		{".", "taken" + to, maybe, 0, "end of data: an answer that is not SMTP"},
		{".", hangUp, maybe, 0, "end of data: the connection was closed"},
		{".", stall, maybe, 0, "end of data: no answer in time"},
		{".", "250-2.0.0 Ok\r\n250 queued as 1", delivered, 250, "250 2.0.0 Ok queued as 1"},
		{".", "251 fine", delivered, 250, "251 fine"},
	}
	for _, row := range rows {
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, says(row.verb, row.reply), offers("AUTH PLAIN"))
			o := openOffice(t, "smtp://optin:hunter2@"+r.addr, func(o *mailer.Options) { o.Session = 2 * time.Second; o.Dial = time.Second })
			e := o.owe(ada)
			settled, err := o.Try(t.Context(), e)
			o.discreet(err)

			line := o.line()
			if line["outcome"] != row.outcome || line["code"] != float64(row.code) || line["to"] != "a…@example.org" {
				t.Errorf("logged %v; want %s, %d", line, row.outcome, row.code)
			}
			var rest interface{ RetryAfter() time.Duration }
			if errors.As(err, &rest) != (row.outcome == maybe) || rest != nil && rest.RetryAfter() < 15*time.Minute {
				t.Errorf("%v asks for rest: %v", err, rest != nil)
			}
			switch q := o.request(e); row.outcome {
			case delivered:
				if err != nil || !settled || o.owed(e) || q.State != confirm.Pending || q.Letter == nil || !strings.Contains(q.Letter.Reply, row.told) {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			case undeliverable:
				if err != nil || !settled || o.owed(e) || q.State != confirm.Undeliverable || !strings.HasPrefix(q.Closed.Reply, row.told) || len(q.Closed.Reply) > 512 {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			default:
				if err == nil || settled || !o.owed(e) || q.State != confirm.Pending || q.Letter != nil || !strings.Contains(err.Error(), row.told) {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			}
		})
	}
}

func TestARelayThatIsAwayCostsNothingButTime(t *testing.T) {
	r := startRelay(t)
	r.listener.Close()
	o := openOffice(t, r.addr)
	e := o.owe(ada)
	settled, err := o.Try(t.Context(), e)
	if settled || err == nil || !strings.Contains(err.Error(), "relay, dial: ") || !o.owed(e) {
		t.Errorf("settled %v, %v", settled, err)
	}
	o.discreet(err)
}

func TestATakenLetterStaysTakenWhateverTheRelayDoesNext(t *testing.T) {
	r := startRelay(t)
	r.say = func(s step) string {
		if s.verb == "RSET" || s.verb == "QUIT" || s.verb == "MAIL" && s.nth > 1 {
			return hangUp
		}
		return ""
	}
	o := openOffice(t, r.addr)
	e := o.owe(ada)
	o.sends(e)
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if o.owed(e) || len(r.received()) != 1 {
		t.Errorf("still owed, or %d letters", len(r.received()))
	}
	if settled, err := o.Try(t.Context(), e); settled || err != nil || len(r.received()) != 1 {
		t.Errorf("a late second try: settled %v, %v, %d letters", settled, err, len(r.received()))
	}
}

func TestALetterThatWasMaybeSentIsTriedOnceMoreAsTheSameLetter(t *testing.T) {
	r := startRelay(t, says(".", hangUp))
	o := openOffice(t, r.addr)
	e := o.owe(ada)
	if settled, err := o.Try(t.Context(), e); settled || err == nil {
		t.Fatalf("settled %v, %v", settled, err)
	}
	o.later(mailer.MaybeAfter)
	if settled, err := o.Try(t.Context(), e); settled || err != nil {
		t.Errorf("the second time: settled %v, %v; want it left at that", settled, err)
	}
	if got := o.line()["outcome"]; got != "left" {
		t.Errorf("outcome %v, want left", got)
	}
	letters := r.received()
	if len(letters) != 2 {
		t.Fatalf("%d letters, want 2", len(letters))
	}
	first, second := parse(t, letters[0].raw), parse(t, letters[1].raw)
	if a, b := first.header.Get("Message-ID"), second.header.Get("Message-ID"); a != b || a == "" {
		t.Errorf("Message-IDs %s and %s", a, b)
	}
	if first.text != second.text || first.html != second.html {
		t.Error("the second letter is not the first")
	}
}
