package mailer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// restart replaces the Mailer, as a new process does: what the old one remembered is gone.
func (env *env) restart() {
	env.t.Helper()
	if err := env.Close(); err != nil {
		env.t.Fatal(err)
	}
	var err error
	if env.Mailer, err = mailer.New(env.Mailer.Options); err != nil {
		env.t.Fatal(err)
	}
}

func TestAnEmailThatWasMaybeSentIsSentOnceMoreUnchanged(t *testing.T) {
	r := startRelay(t, says(".", hangUp))
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	ended, err := env.Run(t.Context(), job)
	if ended || queueOf(err) != confirm.QueueEmailMaybeSent || notBeforeOf(err) != mailer.MaybeSentDelay ||
		env.lastLog()["outcome"] != "maybe sent" {
		t.Fatalf("ended %v, %v; %v", ended, err, env.lastLog())
	}
	job = env.retry(job, err)
	env.restart()
	if ended, err := env.Run(t.Context(), job); ended || err != nil || env.lastLog()["outcome"] != "maybe sent twice" {
		t.Errorf("the second time: ended %v, %v; %v; want it left at that", ended, err, env.lastLog())
	}
	messages := r.received()
	if len(messages) != 2 {
		t.Fatalf("%d emails, want 2", len(messages))
	}
	first, second := parse(t, messages[0].raw), parse(t, messages[1].raw)
	for _, name := range []string{"Message-ID", "Subject", "To"} {
		if a, b := first.header.Get(name), second.header.Get(name); a != b || a == "" {
			t.Errorf("%s: %s and %s", name, a, b)
		}
	}
	if diff := cmp.Diff(first.text+first.html, second.text+second.html); diff != "" {
		t.Error("the second email is not the first: " + diff)
	}
}

func TestAnEmailThatWasMaybeSentStaysInItsQueueIfTheSecondAttemptFails(t *testing.T) {
	for name, row := range map[string]struct {
		verb, reply string
		outcome     string
		queue       store.QueueName
	}{
		"a greeting": {"greeting", "421 4.3.2 closing", "retry", confirm.QueueEmailMaybeSent},
		"a password": {"AUTH", "535 5.7.8 no", "retry", confirm.QueueEmailMaybeSent},
		"a sender":   {"MAIL", "550 5.7.1 no", "retry", confirm.QueueEmailMaybeSent},
		"a mailbox":  {"RCPT", "450 4.2.0 full", "retry", confirm.QueueEmailMaybeSent},
		"a stall":    {"RCPT", stall, "retry", confirm.QueueEmailMaybeSent},
		"a drop":     {"DATA", hangUp, "retry", confirm.QueueEmailMaybeSent},
		"an answer":  {".", "451 4.3.0 not now", "retry", confirm.QueueEmailMaybeSent},
		"no answer":  {".", hangUp, "maybe sent twice", ""},
		"for good":   {"RCPT", "550 5.1.1 unknown", "undeliverable", ""},
		"nothing":    {".", "250 2.0.0 Ok", "delivered", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, says(".", hangUp), offers("AUTH PLAIN"))
			env := newEnv(t, "smtp://optin:hunter2@"+r.addr, func(o *mailer.Options) {
				o.Session, o.Dial = time.Second,
					500*time.Millisecond
			})
			job := env.signUp(ada)
			_, err := env.Run(t.Context(), job)
			job = env.retry(job, err)
			r.change(says(row.verb, row.reply))
			_, err = env.Run(t.Context(), job)
			if queueOf(err) != row.queue || env.lastLog()["outcome"] != row.outcome {
				t.Errorf("%v is retried in %q; %v", err, queueOf(err), env.lastLog())
			}
			env.noSecrets(err)
		})
	}
	t.Run("its mailbox is full", func(t *testing.T) {
		r := startRelay(t, says(".", hangUp))
		env := newEnv(t, r.addr)
		job := env.signUp("ada@example.org")
		_, err := env.Run(t.Context(), job)
		job = env.retry(job, err)
		r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
		for n := range 49 {
			env.deliver(env.signUp(fmt.Sprintf("ada+%d@example.org", n)))
		}
		if _, err := env.Run(t.Context(), job); queueOf(err) != confirm.QueueEmailMaybeSent {
			t.Errorf("%v is retried in %q", err, queueOf(err))
		}
	})
}
