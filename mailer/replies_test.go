package mailer_test

import (
	"crypto/tls"
	"crypto/x509"
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

// replyCase is a reply of a relay, and what becomes of the email and of the relay.
type replyCase struct {
	verb, reply string
	outcome     string
	code        int
	want        string        // in the error, or the evidence
	pause       time.Duration // of the relay, as far as it is one
	sender      bool          // the pause is for this sender alone
}

// The longer pause is for what does not mend by itself. An email whose connection was lost waits for a moment, but no
// relay is paused.
const shortPause, longPause, dropWait = 5 * time.Second, time.Minute, 6 * time.Second

// endless returns the beginning of a reply that has no end.
func endless(line string) string { return strings.Repeat(line+"\r\n", 1<<20/len(line)) }

const (
	delivered, undeliverable, retried, maybe = "delivered", "undeliverable", "retry", "maybe sent"

	to = " <" + ada + ">: " // the relay repeats the recipient where it knows one, as relays do
)

// allReplies returns every step with every sort of reply: refused for now, for good, with 421, none, and nonsense.
func allReplies() []replyCase {
	return append(repliesUpToMAIL(), repliesAfterMAIL()...)
}

// repliesUpToMAIL returns the cases up to MAIL: never the recipient's fault.
func repliesUpToMAIL() []replyCase {
	return []replyCase{
		{"dial", hangUp, retried, 0, "dial: ", shortPause, false}, // nobody listens
		{"greeting", "450 4.7.0 busy", retried, 450, "greeting: 450 4.7.0 busy", shortPause, false},
		{"greeting", "421 4.3.2 closing", retried, 421, "greeting: 421", shortPause, false},
		{"greeting", "554 5.7.1 not you", retried, 554, "greeting: 554 5.7.1 not you", longPause, false},
		{"greeting", hangUp, retried, 0, "greeting: the connection was closed", shortPause, false},
		{"greeting", stall, retried, 0, "greeting: no answer in time", shortPause, false},
		{"greeting", "HTTP/1.1 400 Bad Request", retried, 0, "greeting: an answer that is not SMTP", shortPause, false},
		// HELO is taken, which offers nothing
		{"greeting", endless("220-relay.example"), retried, 0, "greeting: an answer that is not SMTP", shortPause,
			false},
		{"EHLO", "550 5.7.1 go away", retried, 0, "AUTH: the relay offers no mechanism", longPause, false},
		{"EHLO HELO", "451 4.3.0 not now", retried, 451, "EHLO: 451", shortPause, false},
		{"EHLO HELO", "421 4.3.2 closing", retried, 421, "EHLO: 421", shortPause, false},
		{"EHLO HELO", "550 5.7.1 go away", retried, 550, "EHLO: 550", longPause, false},
		{"EHLO", hangUp, retried, 0, "EHLO: the connection was closed", shortPause, false},
		{"EHLO", stall, retried, 0, "EHLO: no answer in time", shortPause, false},
		{"EHLO HELO", "what", retried, 0, "EHLO: an answer that is not SMTP", shortPause, false},
		{"EHLO", endless("250-SIZE"), retried, 0, "EHLO: an answer that is not SMTP", shortPause, false},
		{"STARTTLS", "454 4.7.0 not now", retried, 454, "STARTTLS: 454", shortPause, false},
		{"STARTTLS", "421 4.3.2 closing", retried, 421, "STARTTLS: 421", shortPause, false},
		{"STARTTLS", "554 5.7.0 no", retried, 554, "STARTTLS: 554", longPause, false},
		{"STARTTLS", hangUp, retried, 0, "STARTTLS: the connection was closed", shortPause, false},
		{"STARTTLS", stall, retried, 0, "STARTTLS: no answer in time", shortPause, false},
		{"STARTTLS", "what", retried, 0, "STARTTLS: an answer that is not SMTP", shortPause, false},
		{"AUTH", "535 5.7.8 wrong password hunter2", retried, 535, "AUTH: 535 5.7.8 wrong password …", longPause,
			false},
		// \x00optin\x00hunter2
		{"AUTH", "500 5.5.2 what is AG9wdGluAGh1bnRlcjI=", retried, 500, "AUTH: 500 5.5.2 what is …", longPause, false},
		{"AUTH", "500 5.5.2 what is aHVudGVyMg==", retried, 500, "AUTH: 500 5.5.2 what is …", longPause, false},
		{"AUTH", "454 4.7.0 not now", retried, 454, "AUTH: 454", shortPause, false},
		{"AUTH", "421 4.3.2 closing", retried, 421, "AUTH: 421", shortPause, false},
		{"AUTH", hangUp, retried, 0, "AUTH: the connection was closed", shortPause, false},
		{"AUTH", stall, retried, 0, "AUTH: no answer in time", shortPause, false},
		{"AUTH", "what", retried, 0, "AUTH: an answer that is not SMTP", shortPause, false},
		{"MAIL", "550 5.7.1 sender blocked for" + to, retried, 550, "MAIL: 550 5.7.1", longPause, true},
		{"MAIL", "530 5.7.0 must issue STARTTLS", retried, 530, "MAIL: 530", longPause, true},
		{"MAIL", "452 4.3.1 full", retried, 452, "MAIL: 452 4.3.1", shortPause, true},
		{"MAIL", "421 4.3.2 closing", retried, 421, "MAIL: 421", shortPause, false},
		{"MAIL", "what", retried, 0, "MAIL: an answer that is not SMTP", shortPause, false},
		{"MAIL", hangUp, retried, 0, "MAIL: the connection was closed", shortPause, false},
		{"MAIL", stall, retried, 0, "MAIL: no answer in time", shortPause, false},
	}
}

// repliesAfterMAIL returns the cases from RCPT on: about the email, and not by itself about the relay.
func repliesAfterMAIL() []replyCase {
	return []replyCase{
		{"RCPT", "550 5.7.26" + to + "your domain has no DKIM", retried, 550, "RCPT: 550 5.7.26", 0, false},
		{"DATA", "550 5.7.515 access denied", retried, 550, "DATA: 550 5.7.515", 0, false},
		{"RCPT", "550 5.7.1" + to + "you are blocked", retried, 550, "RCPT: 550 5.7.1", 0, false},
		{"RCPT", "554 5.7.1" + to + "Relay access denied", retried, 554, "RCPT: 554 5.7.1", 0, false},
		{"RCPT", "550 5.1.8 whose domain is this", retried, 550, "RCPT: 550 5.1.8", 0, false},
		{"RCPT", "504 5.5.2 greet with a full name", retried, 504, "RCPT: 504 5.5.2", 0, false},
		{"RCPT", "552 5.2.2" + to + "full", retried, 552, "RCPT: 552 5.2.2", 0, false},
		{"RCPT", "554 5.3.0" + to + "broken", retried, 554, "RCPT: 554 5.3.0", 0, false},
		{"RCPT", "554 what", retried, 554, "RCPT: 554", 0, false},
		{"RCPT", "550 no such user", undeliverable, 550, "550 no such user", 0, false},
		{"RCPT", "550 5.1.1" + to + "user unknown", undeliverable, 550, "550 5.1.1" + to + "user unknown", 0, false},
		{"RCPT", "550-5.1.1" + to + "\r\n550 5.1.1 unknown", undeliverable, 550, "550 5.1.1" + to + "5.1.1 unknown", 0,
			false},
		{"RCPT", "553 5.1.3 bad\x07name", undeliverable, 553, "553 5.1.3 bad name", 0, false},
		{"RCPT", "550 5.1.1 " + strings.Repeat("long ", 300), undeliverable, 550, "550 5.1.1 long", 0, false},
		{"RCPT", "450 4.2.0" + to + "greylisted", retried, 450, "RCPT: 450 4.2.0", 0, false},
		{"RCPT", "421 4.3.2" + to + "closing", retried, 421, "RCPT: 421 4.3.2", 0, false},
		{"RCPT", "503 5.5.1" + to + "need MAIL", retried, 503, "RCPT: 503 5.5.1", 0, false},
		{"RCPT", "530 5.7.0" + to + "authenticate", retried, 530, "RCPT: 530 5.7.0", 0, false},
		{"RCPT", "what" + to, retried, 0, "RCPT: an answer that is not SMTP", dropWait, false},
		{"RCPT", endless("250-2.1.5 Ok"), retried, 0, "RCPT: an answer that is not SMTP", dropWait, false},
		{"RCPT", hangUp, retried, 0, "RCPT: the connection was closed", dropWait, false},
		{"RCPT", stall, retried, 0, "RCPT: no answer in time", 0, false},
		{"DATA", "554 5.5.1 no valid recipients", retried, 554, "DATA: 554 5.5.1", 0, false},
		{"DATA", "550 5.1.1" + to + "unknown", undeliverable, 550, "550 5.1.1" + to + "unknown", 0, false},
		{"DATA", "451 4.3.0 local error", retried, 451, "DATA: 451 4.3.0", 0, false},
		{"DATA", "421 4.3.2" + to + "closing", retried, 421, "DATA: 421 4.3.2", 0, false},
		{"DATA", "250 what", retried, 250, "DATA: 250", 0, false},
		{"DATA", hangUp, retried, 0, "DATA: the connection was closed", dropWait, false},
		{"DATA", stall, retried, 0, "DATA: no answer in time", 0, false},
		{".", "554 5.7.1 spam for" + to, retried, 554, "end of data: 554 5.7.1", 0, false},
		{".", "550 5.4.5 the limit of the day", retried, 550, "end of data: 550 5.4.5", 0, false},
		{".", "554 Message rejected: Email address is not verified", retried, 554, "end of data: 554", 0, false},
		{".", "550 5.1.1" + to + "unknown", undeliverable, 550, "550 5.1.1" + to + "unknown", 0, false},
		{".", "550 what", retried, 550, "end of data: 550", 0, false},
		{".", "451 4.7.1" + to + "later", retried, 451, "end of data: 451 4.7.1", 0, false},
		{".", "421 4.3.2" + to + "closing", maybe, 421, "end of data: 421 4.3.2", 0, false},
		{".", "taken" + to, maybe, 0, "end of data: an answer that is not SMTP", 0, false},
		{".", endless("250-2.0.0 Ok"), maybe, 0, "end of data: an answer that is not SMTP", 0, false},
		{".", hangUp, maybe, 0, "end of data: the connection was closed", 0, false},
		{".", stall, maybe, 0, "end of data: no answer in time", 0, false},
		{".", "250-2.0.0 Ok\r\n250 queued as 1", delivered, 250, "250 2.0.0 Ok queued as 1", 0, false},
		{".", "251 fine", delivered, 250, "251 fine", 0, false},
	}
}

func TestEveryReplyAtEveryStepHasItsOutcome(t *testing.T) {
	secure, pool := certificate(t, loopback)
	for way, change := range ways() {
		rows := allReplies()
		if way != oneByOne {
			rows = slices.DeleteFunc(rows, func(row replyCase) bool {
				return !slices.Contains([]string{"MAIL", "RCPT", "DATA", "."}, row.verb)
			})
		}
		for _, row := range rows {
			t.Run(way+"/"+row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
				t.Parallel()
				row.check(t, secure, pool, change, way != oneByOne)
			})
		}
	}
}

func (row replyCase) check(t *testing.T, secure *tls.Config, pool *x509.CertPool, change func(*fakeRelay), warm bool) {
	r := startRelay(t, offers("AUTH PLAIN"), change, func(r *fakeRelay) {
		r.secure = secure
	})
	if row.verb == "STARTTLS" {
		r.change(offers("STARTTLS"))
	}
	if row.verb == "dial" {
		r.listener.Close()
	}
	env := newEnv(t, "smtp://optin:hunter2@"+r.addr, trusting(pool), func(o *mailer.Options) {
		if row.reply == stall {
			o.Dial, o.Session, o.FirstRcpt = 500*time.Millisecond, time.Second, 500*time.Millisecond
		}
	})
	if warm {
		env.warm()
	}
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if slices.Contains(strings.Fields(row.verb), s.verb) {
				return row.reply
			}
			return ""
		}
	})
	job := env.signUp(ada)
	ended, err := env.Run(t.Context(), job)
	env.noSecrets(err)

	line := env.lastLog()
	if line["outcome"] != row.outcome || line["code"] != float64(row.code) || line["to"] != "a…@…" {
		t.Errorf("logged %v; want %s, %d", line, row.outcome, row.code)
	}
	env.checkRetry(job, err, row)
	switch q := env.request(job); row.outcome {
	case delivered:
		if err != nil || !ended || env.isDue(job) || q.State != consent.Pending || taken(q) == nil ||
			!strings.Contains(taken(q).Reply, row.want) {
			t.Errorf("ended %v, %v; %+v", ended, err, q)
		}
	case undeliverable:
		if err != nil || !ended || env.isDue(job) || q.State != consent.Undeliverable ||
			!strings.HasPrefix(q.Closed.Reply, row.want) || len(q.Closed.Reply) > 512 {
			t.Errorf("ended %v, %v; %+v", ended, err, q)
		}
	default:
		if err == nil || ended || !env.isDue(job) || q.State != consent.Pending || taken(q) != nil ||
			!strings.Contains(err.Error(), row.want) {
			t.Errorf("ended %v, %v; %+v", ended, err, q)
		}
	}
}

// checkRetry fails the test unless the email waits as its row says, and the alarm is raised with a pause and only then.
func (env *env) checkRetry(job store.Job, err error, row replyCase) {
	env.t.Helper()
	notBefore, wait := time.Duration(-1), time.Duration(-1)
	if row.outcome == maybe {
		notBefore = mailer.MaybeSentDelay
	}
	if row.pause > 0 {
		wait = row.pause
	}
	dropped := row.pause == dropWait
	if dropped {
		row.pause = 0
	}
	if notBeforeOf(err) != notBefore || waitOf(err) != wait {
		env.t.Errorf("%v is retried not before %s and after %s; want %s and %s", err, notBeforeOf(err), waitOf(err),
			notBefore, wait)
	}
	queue := store.QueueName("")
	switch {
	case row.pause > 0:
		queue = job.Queue // as fresh as it was
	case row.outcome == maybe:
		queue = confirm.QueueEmailMaybeSent
	case row.reply == stall, dropped:
		queue = confirm.QueueEmailRetry
	}
	if queueOf(err) != queue {
		env.t.Errorf("it is retried in %q, want %q", queueOf(err), queue)
	}
	whole := row.pause
	if row.sender {
		whole = 0
	}
	alarms := env.logged("relay paused")
	if env.PausedFor() != whole || len(alarms) > 1 || (len(alarms) == 1) != (row.pause > 0) {
		env.t.Fatalf("the relay is retried not before %s, want %s; alarms %v", env.PausedFor(), whole, alarms)
	}
	if row.pause > 0 {
		sender := ""
		if row.sender {
			sender = "gazette.example"
		}
		a := alarms[0]
		if step, _ := a["step"].(string); a["level"] != "ERROR" || step == "" ||
			!strings.HasPrefix(row.want, step+": ") ||
			a["code"] != float64(row.code) || a["reply"] == "" || a["sender"] != sender ||
			!strings.Contains(a["host"].(string), "127.0.0.1:") {
			env.t.Errorf("alarm %v", a)
		}
	}
}

func TestAnEmailThatWasTakenStaysTakenWhateverTheRelayDoesNext(t *testing.T) {
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RSET" || s.verb == "QUIT" || s.verb == "MAIL" && s.nth > 1 {
				return hangUp
			}
			return ""
		}
	})
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	env.deliver(job)
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if env.isDue(job) || len(r.received()) != 1 {
		t.Errorf("still due, or %d emails", len(r.received()))
	}
	if ended, err := env.Run(t.Context(), job); ended || err != nil || len(r.received()) != 1 {
		t.Errorf("a late second try: ended %v, %v, %d emails", ended, err, len(r.received()))
	}
}

func TestTheReplyToRSETAndQUITChangesNothing(t *testing.T) {
	for way, change := range ways() {
		for _, reply := range []string{"250 2.0.0 Ok", "421 4.3.2 closing", "451 4.3.0 not now", "550 5.5.1 no", "what",
			hangUp, stall} {
			t.Run(way+"/"+reply, func(t *testing.T) {
				t.Parallel()
				r := startRelay(t, change, func(r *fakeRelay) {
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
				env := newEnv(t, r.addr, func(o *mailer.Options) { o.Dial = time.Second })
				if _, err := env.Run(t.Context(), env.signUp("nobody@example.org")); err != nil {
					t.Fatal(err)
				}
				env.deliver(env.signUp(ada))
				began := time.Now()
				if err := env.Close(); err != nil || time.Since(began) > 8*time.Second {
					t.Errorf("%v after %s", err, time.Since(began))
				}
				if env.PausedFor() != 0 || len(env.logged("relay paused")) != 0 || r.heard("RSET") != 1 ||
					len(r.received()) != 1 {
					t.Errorf("paused for %s, said %q", env.PausedFor(), r.said)
				}
			})
		}
	}
}

func TestAFloodedMailboxStartsASurgeAtTheSite(t *testing.T) {
	for reply, surges := range map[string]bool{
		"450 4.7.28 too many forms": true, "550 5.7.28 too many forms": true, "550 5.7.26 unauthenticated": false,
		"450 4.7.2 no": false, "550 5.1.1 no": false,
	} {
		r := startRelay(t, says("RCPT", reply))
		env := newEnv(t, r.addr)
		_, _ = env.Run(t.Context(), env.signUp(ada))
		noSurge, err := env.surge.Admit(t.Context(), "gazette")
		if err != nil || noSurge == surges {
			t.Errorf("%s: no surge is %v, %v", reply, noSurge, err)
		}
		if noSurge, err := env.surge.Admit(t.Context(), "herald"); err != nil || !noSurge {
			t.Errorf("%s: another site: no surge is %v, %v", reply, noSurge, err)
		}
	}
}

func TestEachTryIsKeptWithTheRelaysAnswer(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	for _, say := range []string{"450 4.2.0 greylisted", "451 4.3.0 not now", hangUp, "452 4.3.1 no room"} {
		r.change(says("DATA", say))
		if ended, err := env.Run(t.Context(), job); ended || err == nil {
			t.Fatalf("%s: ended %v, %v", say, ended, err)
		}
		env.advance(time.Hour)
	}
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
	email := env.request(job).Emails[0]
	var replies []string
	for _, a := range email.Answers {
		replies = append(replies, a.Reply)
	}
	want := []string{"451 4.3.0 not now", "the connection was closed", "452 4.3.1 no room"}
	reasons := []consent.RefusalReason{email.Answers[0].Reason, email.Answers[1].Reason, email.Answers[2].Reason}
	if !slices.Equal(reasons, []consent.RefusalReason{consent.RefusalSystem, "", consent.RefusalSystem}) {
		t.Errorf("the reasons are %q", reasons)
	}
	if email.Tries != 4 || !slices.Equal(replies, want) || email.Taken == nil {
		t.Errorf("%d tries, %q, %+v", email.Tries, replies, email.Taken)
	}
}
