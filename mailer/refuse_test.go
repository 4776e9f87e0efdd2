package mailer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

const ada = "ada.lovelace@example.org"

// rude is an answer of a relay, and what becomes of the letter and of the relay.
type rude struct {
	verb, reply string
	outcome     string
	code        int
	told        string        // in the error, or the evidence
	pause       time.Duration // of the relay, as far as it is one
	sender      bool          // the pause is for this sender alone
}

// The longer pause is for what does not mend itself.
const brief, long = 5 * time.Second, time.Minute

const (
	delivered, undeliverable, later, maybe = "delivered", "undeliverable", "later", "maybe sent"

	to = " <" + ada + ">: " // the relay repeats the recipient where it knows one, as relays do
)

// rudeness is every step with every sort of answer: refused for now, for good, with 421, none, and nonsense.
func rudeness() []rude {
	return append(onTheWay(), onceKnown()...)
}

// onTheWay is up to MAIL: never the recipient's fault.
func onTheWay() []rude {
	return []rude{
		{"dial", hangUp, later, 0, "dial: ", brief, false}, // nobody listens
		{"greeting", "450 4.7.0 busy", later, 450, "greeting: 450 4.7.0 busy", brief, false},
		{"greeting", "421 4.3.2 closing", later, 421, "greeting: 421", brief, false},
		{"greeting", "554 5.7.1 not you", later, 554, "greeting: 554 5.7.1 not you", long, false},
		{"greeting", hangUp, later, 0, "greeting: the connection was closed", brief, false},
		{"greeting", stall, later, 0, "greeting: no answer in time", brief, false},
		{"greeting", "HTTP/1.1 400 Bad Request", later, 0, "greeting: an answer that is not SMTP", brief, false},
		{"EHLO", "550 5.7.1 go away", later, 0, "AUTH: the relay offers no mechanism", long, false}, // HELO is taken, which offers nothing
		{"EHLO HELO", "451 4.3.0 not now", later, 451, "EHLO: 451", brief, false},
		{"EHLO HELO", "421 4.3.2 closing", later, 421, "EHLO: 421", brief, false},
		{"EHLO HELO", "550 5.7.1 go away", later, 550, "EHLO: 550", long, false},
		{"EHLO", hangUp, later, 0, "EHLO: the connection was closed", brief, false},
		{"EHLO", stall, later, 0, "EHLO: no answer in time", brief, false},
		{"EHLO HELO", "what", later, 0, "EHLO: an answer that is not SMTP", brief, false},
		{"STARTTLS", "454 4.7.0 not now", later, 454, "STARTTLS: 454", brief, false},
		{"STARTTLS", "421 4.3.2 closing", later, 421, "STARTTLS: 421", brief, false},
		{"STARTTLS", "554 5.7.0 no", later, 554, "STARTTLS: 554", long, false},
		{"STARTTLS", hangUp, later, 0, "STARTTLS: the connection was closed", brief, false},
		{"STARTTLS", stall, later, 0, "STARTTLS: no answer in time", brief, false},
		{"STARTTLS", "what", later, 0, "STARTTLS: an answer that is not SMTP", brief, false},
		{"AUTH", "535 5.7.8 wrong password hunter2", later, 535, "AUTH: 535 5.7.8 wrong password …", long, false},
		{"AUTH", "500 5.5.2 what is AG9wdGluAGh1bnRlcjI=", later, 500, "AUTH: 500 5.5.2 what is …", long, false}, // \x00optin\x00hunter2
		{"AUTH", "500 5.5.2 what is aHVudGVyMg==", later, 500, "AUTH: 500 5.5.2 what is …", long, false},
		{"AUTH", "454 4.7.0 not now", later, 454, "AUTH: 454", brief, false},
		{"AUTH", "421 4.3.2 closing", later, 421, "AUTH: 421", brief, false},
		{"AUTH", hangUp, later, 0, "AUTH: the connection was closed", brief, false},
		{"AUTH", stall, later, 0, "AUTH: no answer in time", brief, false},
		{"AUTH", "what", later, 0, "AUTH: an answer that is not SMTP", brief, false},
		{"MAIL", "550 5.7.1 sender blocked for" + to, later, 550, "MAIL: 550 5.7.1", long, true},
		{"MAIL", "530 5.7.0 must issue STARTTLS", later, 530, "MAIL: 530", long, true},
		{"MAIL", "452 4.3.1 full", later, 452, "MAIL: 452 4.3.1", brief, true},
		{"MAIL", "421 4.3.2 closing", later, 421, "MAIL: 421", brief, false},
		{"MAIL", "what", later, 0, "MAIL: an answer that is not SMTP", brief, false},
		{"MAIL", hangUp, later, 0, "MAIL: the connection was closed", brief, false},
		{"MAIL", stall, later, 0, "MAIL: no answer in time", brief, false},
	}
}

// onceKnown is from RCPT on: about the letter, and never about the relay.
func onceKnown() []rude {
	return []rude{
		{"RCPT", "550 5.7.26" + to + "your domain has no DKIM", later, 550, "RCPT: 550 5.7.26", 0, false},
		{"DATA", "550 5.7.515 access denied", later, 550, "DATA: 550 5.7.515", 0, false},
		{"RCPT", "550 5.7.1" + to + "you are blocked", undeliverable, 550, "550 5.7.1" + to + "you are blocked", 0, false},
		{"RCPT", "550 5.1.1" + to + "user unknown", undeliverable, 550, "550 5.1.1" + to + "user unknown", 0, false},
		{"RCPT", "550-5.1.1" + to + "\r\n550 5.1.1 unknown", undeliverable, 550, "550 5.1.1" + to + "5.1.1 unknown", 0, false},
		{"RCPT", "553 bad\x07name", undeliverable, 553, "553 bad name", 0, false},
		{"RCPT", "554 5.7.1 " + strings.Repeat("long ", 300), undeliverable, 554, "554 5.7.1 long", 0, false},
		{"RCPT", "450 4.2.0" + to + "greylisted", later, 450, "RCPT: 450 4.2.0", 0, false},
		{"RCPT", "421 4.3.2" + to + "closing", later, 421, "RCPT: 421 4.3.2", 0, false},
		{"RCPT", "503 5.5.1" + to + "need MAIL", later, 503, "RCPT: 503 5.5.1", 0, false},
		{"RCPT", "530 5.7.0" + to + "authenticate", later, 530, "RCPT: 530 5.7.0", 0, false},
		{"RCPT", "what" + to, later, 0, "RCPT: an answer that is not SMTP", 0, false},
		{"RCPT", hangUp, later, 0, "RCPT: the connection was closed", 0, false},
		{"RCPT", stall, later, 0, "RCPT: no answer in time", 0, false},
		{"DATA", "554 5.5.1 no valid recipients", undeliverable, 554, "554 5.5.1 no valid recipients", 0, false},
		{"DATA", "451 4.3.0 local error", later, 451, "DATA: 451 4.3.0", 0, false},
		{"DATA", "421 4.3.2" + to + "closing", later, 421, "DATA: 421 4.3.2", 0, false},
		{"DATA", "250 what", later, 250, "DATA: 250", 0, false},
		{"DATA", hangUp, later, 0, "DATA: the connection was closed", 0, false},
		{"DATA", stall, later, 0, "DATA: no answer in time", 0, false},
		{".", "554 5.7.1 spam for" + to, undeliverable, 554, "554 5.7.1 spam for" + strings.TrimSuffix(to, " "), 0, false},
		{".", "451 4.7.1" + to + "later", later, 451, "end of data: 451 4.7.1", 0, false},
		{".", "421 4.3.2" + to + "closing", maybe, 421, "end of data: 421 4.3.2", 0, false},
		{".", "taken" + to, maybe, 0, "end of data: an answer that is not SMTP", 0, false},
		{".", hangUp, maybe, 0, "end of data: the connection was closed", 0, false},
		{".", stall, maybe, 0, "end of data: no answer in time", 0, false},
		{".", "250-2.0.0 Ok\r\n250 queued as 1", delivered, 250, "250 2.0.0 Ok queued as 1", 0, false},
		{".", "251 fine", delivered, 250, "251 fine", 0, false},
	}
}

func TestEveryAnswerOfEveryStepHasItsConsequence(t *testing.T) {
	secure, pool := certificate(t, nil, loopback)
	for _, row := range rudeness() {
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, offers("AUTH PLAIN"), func(r *relay) {
				r.secure = secure
				r.say = func(s step) string {
					if slices.Contains(strings.Fields(row.verb), s.verb) {
						return row.reply
					}
					return ""
				}
			})
			if row.verb == "STARTTLS" {
				r.change(offers("STARTTLS"))
			}
			if row.verb == "dial" {
				r.listener.Close()
			}
			o := openOffice(t, "smtp://optin:hunter2@"+r.addr, trusting(pool), func(o *mailer.Options) {
				if row.reply == stall {
					o.Dial, o.Session, o.Hasty = 500*time.Millisecond, time.Second, 500*time.Millisecond
				}
			})
			e := o.owe(ada)
			settled, err := o.Run(t.Context(), e)
			o.discreet(err)

			line := o.line()
			if line["outcome"] != row.outcome || line["code"] != float64(row.code) || line["to"] != "a…@example.org" {
				t.Errorf("logged %v; want %s, %d", line, row.outcome, row.code)
			}
			o.waits(e, err, row)
			switch q := o.request(e); row.outcome {
			case delivered:
				if err != nil || !settled || o.owed(e) || q.State != consent.Pending || q.Delivery == nil || !strings.Contains(q.Delivery.Reply, row.told) {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			case undeliverable:
				if err != nil || !settled || o.owed(e) || q.State != consent.Undeliverable || !strings.HasPrefix(q.Closed.Reply, row.told) || len(q.Closed.Reply) > 512 {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			default:
				if err == nil || settled || !o.owed(e) || q.State != consent.Pending || q.Delivery != nil || !strings.Contains(err.Error(), row.told) {
					t.Errorf("settled %v, %v; %+v", settled, err, q)
				}
			}
		})
	}
}

// waits wants a letter to wait as long and where its row says, and the alarm to be raised with every pause and only then.
func (o *office) waits(e store.Job, err error, row rude) {
	o.t.Helper()
	var rest interface{ RetryAfter() time.Duration }
	if errors.As(err, &rest) != (row.outcome == maybe) || rest != nil && rest.RetryAfter() != mailer.MaybeAfter {
		o.t.Errorf("%v asks for rest: %v", err, rest != nil)
	}
	var soon interface{ Wait() time.Duration }
	if errors.As(err, &soon) != (row.pause > 0) || soon != nil && soon.Wait() != row.pause {
		o.t.Errorf("%v waits its turn: %v", err, soon)
	}
	lane := store.QueueName("")
	switch {
	case row.pause > 0:
		lane = e.Queue // as fresh as it was
	case row.outcome == maybe:
		lane = confirm.QueueEmailMaybeSent
	case row.reply == stall:
		lane = confirm.QueueEmailRetry
	}
	if laneOf(err) != lane {
		o.t.Errorf("it waits in %q, want %q", laneOf(err), lane)
	}
	whole := row.pause
	if row.sender {
		whole = 0
	}
	alarms := o.logged("relay paused")
	if o.PausedFor() != whole || len(alarms) > 1 || (len(alarms) == 1) != (row.pause > 0) {
		o.t.Fatalf("the relay rests for %s, want %s; alarms %v", o.PausedFor(), whole, alarms)
	}
	if row.pause > 0 {
		sender := ""
		if row.sender {
			sender = "gazette.example"
		}
		a := alarms[0]
		if stage, _ := a["stage"].(string); a["level"] != "ERROR" || stage == "" || !strings.HasPrefix(row.told, stage+": ") ||
			a["code"] != float64(row.code) || a["words"] == "" || a["sender"] != sender || !strings.Contains(a["host"].(string), "127.0.0.1:") {
			o.t.Errorf("alarm %v", a)
		}
	}
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
	if settled, err := o.Run(t.Context(), e); settled || err != nil || len(r.received()) != 1 {
		t.Errorf("a late second try: settled %v, %v, %d letters", settled, err, len(r.received()))
	}
}

func TestWhatARelaySaysToRSETAndQUITChangesNothing(t *testing.T) {
	for _, reply := range []string{"250 2.0.0 Ok", "421 4.3.2 closing", "451 4.3.0 not now", "550 5.5.1 no", "what", hangUp, stall} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, func(r *relay) {
				r.say = func(s step) string {
					switch {
					case s.verb == "RCPT" && s.nth == 1:
						return "550 5.1.1 unknown" // leaves a transaction to be reset
					case s.verb == "RSET", s.verb == "QUIT":
						return reply
					}
					return ""
				}
			})
			o := openOffice(t, r.addr, func(o *mailer.Options) { o.Dial = time.Second })
			if _, err := o.Run(t.Context(), o.owe("nobody@example.org")); err != nil {
				t.Fatal(err)
			}
			o.sends(o.owe(ada))
			began := time.Now()
			if err := o.Close(); err != nil || time.Since(began) > 8*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
			if o.PausedFor() != 0 || len(o.logged("relay paused")) != 0 || r.heard("RSET") != 1 || len(r.received()) != 1 {
				t.Errorf("rest %s, said %q", o.PausedFor(), r.said)
			}
		})
	}
}
