package mailer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// refusals records the calls of Options.Refusal.
type refusals struct {
	mu  sync.Mutex
	all []int
}

func (a *refusals) hear(o *mailer.Options) {
	o.Refusal = func(_ string, domains int, _ string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all = append(a.all, domains)
	}
}

func (a *refusals) heard() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int{}, a.all...)
}

func TestWhatARelayRefusesBecauseOfUsTheNextOneGets(t *testing.T) {
	for _, row := range []struct{ verb, reply string }{
		{".", "550-5.4.5 this account may send no more today;\r\n550 5.4.5 see the help"},
		{".", "554 Letter refused: the sender has not been verified: bonjour@gazette.example"},
		{"RCPT", "554 5.7.1 <ada.lovelace@example.org>: you may not relay here"},
		{"RCPT", "553 5.7.1 <bonjour@gazette.example>: not owned by user optin"},
		{"RCPT", "550 5.1.8 whose domain is this"},
		{"RCPT", "550 5.1.7 whose mailbox is this"},
		{"RCPT", "504 5.5.2 <[127.0.0.1]>: greet with a full name"},
		{"RCPT", "550 5.7.1 log in first"},
		{"RCPT", "530 log in first"},
		{"RCPT", "554 5.7.1 your IP is on a block list"},
		{"RCPT", "554 something that nobody understands"},
		{"RCPT", "550 what"}, // by a relay that has never taken an email
		{"DATA", "554 5.6.0 not this"},
	} {
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			bad, good := startRelay(t, says(row.verb, row.reply)), startRelay(t)
			var heard refusals
			env := newEnv(t, bad.addr, withMoreRelays(t, good), heard.hear)
			job := env.signUp(ada)
			env.deliver(job)
			lines := env.logged("relay refuses us")
			if len(good.received()) != 1 || len(lines) != 1 || lines[0]["level"] != "ERROR" ||
				lines[0]["domain"] != "example.org" || lines[0]["step"] == "" || lines[0]["reply"] == "" {
				t.Errorf("the second has %d emails; %v", len(good.received()), lines)
			}
			if env.PausedFor() != 0 || len(env.logged("relay paused")) != 0 {
				t.Error("one domain pauses all")
			}
			env.noSecrets(nil)
			rcpt := bad.heard("RCPT")
			env.deliver(env.signUp("grace@example.org"))
			if bad.heard("RCPT") != rcpt {
				t.Error("it is asked again for the same domain")
			}
			if diff := cmp.Diff([]int{1}, heard.heard()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARefusalOfUsKeepsTheJobAndItsWords(t *testing.T) {
	r := startRelay(t, says("RCPT", "550 5.7.1 you are on a block list"))
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	_, err := env.Run(t.Context(), job)
	if waitOf(err) != -1 || queueOf(err) != "" || !env.isDue(job) {
		t.Fatalf("%v is retried in %s in %q", err, waitOf(err), queueOf(err))
	}
	answer := env.request(job).Emails[0].Answers[0]
	if answer.Reason != consent.RefusalSender || answer.Reply != "550 5.7.1 you are on a block list" ||
		answer.Relay == "" {
		t.Errorf("kept is %+v", answer)
	}
	_, err = env.Run(t.Context(), env.signUp("grace@example.org"))
	if notBeforeOf(err) != time.Minute || r.heard("RCPT") != 1 {
		t.Errorf("%v is retried not before %s; %d RCPT", err, notBeforeOf(err), r.heard("RCPT"))
	}
	env.advance(time.Minute)
	if _, err = env.Run(t.Context(), env.signUp("hedy@example.org")); r.heard("RCPT") != 2 || notBeforeOf(err) != -1 {
		t.Errorf("after the pause: %v; %d RCPT", err, r.heard("RCPT"))
	}
	if _, err = env.Run(t.Context(), env.signUp("joan@example.org")); notBeforeOf(err) != 2*time.Minute {
		t.Errorf("the next pause is %s: %v", notBeforeOf(err), err)
	}
}

func TestSeveralDomainsRefusedInARowAreTheRelay(t *testing.T) {
	for reply, want := range map[string]bool{
		"550 5.7.1 no": true, "554 what": true, "550 what": true, "550 5.1.1 unknown": false, "552 5.2.2 full": false,
		"450 4.7.1 no": false,
	} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, says("RCPT", reply))
			var a alarms
			var heard refusals
			env := newEnv(t, r.addr, a.hear, heard.hear)
			for n := range 3 {
				_, _ = env.Run(t.Context(), env.signUp(fmt.Sprintf("ada@example%d.org", n)))
			}
			if got := env.PausedFor() == time.Minute; got != want {
				t.Fatalf("paused for %s", env.PausedFor())
			}
			if !want {
				return
			}
			if diff := cmp.Diff([]string{r.addr + " true"}, a.heard()); diff != "" || len(env.logged("relay "+
				"paused")) != 1 {
				t.Error(diff)
			}
			job := env.signUp("grace@example.net")
			if _, err := env.Run(t.Context(), job); waitOf(err) != time.Minute || queueOf(err) != job.Queue {
				t.Errorf("%v is retried in %s in %q", err, waitOf(err), queueOf(err))
			}
			env.advance(time.Minute)
			if _, err := env.Run(t.Context(), job); env.PausedFor() != 2*time.Minute {
				t.Errorf("still refused, it is paused for %s: %v", env.PausedFor(), err)
			}
			env.advance(2 * time.Minute)
			r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
			env.deliver(env.signUp("hedy@example.net"))
			env.deliver(env.signUp("joan@example0.org")) // its own pause ended with that of all
			if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"},
				a.heard()); diff != "" || env.PausedFor() != 0 {
				t.Errorf("paused for %s %s", env.PausedFor(), diff)
			}
			if all := heard.heard(); all[len(all)-1] != 0 {
				t.Errorf("it refuses us for %v domains", all)
			}
		})
	}
}

func TestOneDomainThatRefusesUsLeavesTheOthersAlone(t *testing.T) {
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && r.latest("RCPT") != "RCPT TO:<ada@good.example>" {
				return "554 5.7.1 your IP is on a block list"
			}
			return ""
		}
	})
	env := newEnv(t, r.addr)
	for n := range 5 {
		_, _ = env.Run(t.Context(), env.signUp(fmt.Sprintf("ada%d@bad.example", n)))
	}
	env.deliver(env.signUp("ada@good.example"))
	if env.PausedFor() != 0 || r.heard("RCPT") != 2 {
		t.Errorf("paused for %s, %d RCPT", env.PausedFor(), r.heard("RCPT"))
	}
}

func TestByItsDigitsAloneARefusalEndsARequestOnlyAtARelayThatIsKnownToTakeEmails(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	env.deliver(env.signUp("grace@example.net"))
	r.change(says("RCPT", "550 what"))
	job := env.signUp(ada)
	ended, err := env.Run(t.Context(), job)
	if !ended || err != nil || env.request(job).State != consent.Undeliverable {
		t.Errorf("ended %v, %v", ended, err)
	}
}

func TestALostConnectionIsTriedAgainWithinTenSecondsAndThenLaterAndLater(t *testing.T) {
	r := startRelay(t, says("RCPT", hangUp))
	env := newEnv(t, r.addr)
	env.leaseFor = 24 * time.Hour
	job := env.signUp(ada)
	for _, want := range []time.Duration{6 * time.Second, 25 * time.Second, -1} {
		_, err := env.Run(t.Context(), job)
		if waitOf(err) != want || want > 0 && queueOf(err) != confirm.QueueEmailRetry {
			t.Fatalf("%v is retried in %s in %q, want %s", err, waitOf(err), queueOf(err), want)
		}
		env.advance(time.Minute)
	}
	if env.PausedFor() != 0 {
		t.Errorf("the relay is paused for %s", env.PausedFor())
	}
}

func TestCheckSaysWhetherARelayRefusesUs(t *testing.T) {
	for _, row := range []struct{ verb, reply, want string }{
		{"MAIL", "550 5.7.1 not you", "MAIL from bonjour@gazette.example: 550 5.7.1 not you"},
		{"MAIL", "553 this sender is not yours", "MAIL from"},
		{"RCPT", "554 5.7.1 relay access denied", "RCPT from bonjour@gazette.example: 554 5.7.1"},
		{"RCPT", "550 5.1.8 whose domain is this", "RCPT from"},
		{"RCPT", "550 5.1.1 no such user", ""},
		{"RCPT", "450 4.2.0 greylisted", ""},
		{"MAIL", "451 4.3.0 later", ""},
		{"RCPT", "", ""},
	} {
		r := startRelay(t, says(row.verb, row.reply))
		env := newEnv(t, r.addr)
		err := env.Check(t.Context())
		if refused := errors.Is(err, mailer.ErrRefusesUs); refused != (row.want != "") || err != nil && !refused ||
			refused && !strings.Contains(err.Error(), row.want) || r.heard("DATA") > 0 {
			t.Errorf("%s: %v", row.reply, err)
		}
	}
}
