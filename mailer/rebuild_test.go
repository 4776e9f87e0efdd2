package mailer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

func sum(parts ...[]byte) string {
	all := sha256.Sum256(bytes.Join(parts, nil))
	return hex.EncodeToString(all[:])
}

// withKeys signs the emails of the gazette with two keys.
func withKeys(t *testing.T) func(*mailer.Options) {
	rsaKey, edKey := keys(t)
	return func(o *mailer.Options) {
		o.DKIM = []mailer.DKIM{{Domain: "gazette.example", Selector: "r", Key: rsaKey},
			{Domain: "gazette.example", Selector: "e", Key: edKey}}
	}
}

// Between the two halves of this test, everything that an email is made of changes, except for what is kept of it.
func TestAnOldEmailIsRebuiltToTheByteWhateverHasChangedSince(t *testing.T) {
	long := strings.Repeat("x", 64) + "@" + strings.Repeat("a.", 90) + "example"
	for _, to := range []string{ada, "jörg@bücher.example", long} {
		r := startRelay(t)
		env := newEnv(t, r.addr, withReplyAndBounces, withKeys(t))
		send := func() store.Job {
			t.Helper()
			job := env.signUp(to)
			env.deliver(job)
			return job
		}
		job := send()
		first := links(parse(t, r.received()[0].raw).text)[0]
		if _, err := env.Person.Confirm(t.Context(), first[strings.LastIndexByte(first, '/')+1:], nil,
			consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		env.keepSignature()
		env.advance(24 * time.Hour)
		send() // to somebody who has confirmed

		// 400 days later the site has another name, look and controller, and the operator another key.
		env.advance(400 * 24 * time.Hour)
		later := newEnv(t, r.addr, withKeys(t), func(o *mailer.Options) {
			s := o.Sites["gazette"]
			s.Show = templates.Site{ID: "gazette", Name: "Le Journal", URL: "https://journal.example",
				Controller: templates.Controller{Name: "Another SA", Address: "2 rue Neuve", Contact: "x@y.example"}}
			s.From.Name = "Le Journal"
			o.Sites = map[string]mailer.Site{"gazette": s}
		})
		other := later.signUp(to)
		later.deliver(other)

		all, err := env.Relay.Sent(t.Context(), job.Key)
		if err != nil || len(all) != 2 {
			t.Fatalf("%d emails, %v", len(all), err)
		}
		for i, sent := range all {
			want := r.received()[i].raw
			raw, err := mailer.RebuildSent(sent)
			if err != nil || sum(raw) != sent.Delivery.Unsigned {
				t.Errorf("email %d to %s: %v, its unsigned bytes differ", i, to, err)
			}
			if got := append([]byte(sent.Delivery.Signature), raw...); !bytes.Equal(got, want) ||
				sum(got) != sent.Delivery.SHA256 {
				t.Errorf("email %d to %s was\n%s\nand is now\n%s", i, to, want, got)
			}
		}
		if later.taken(other).Skeleton == all[0].Delivery.Skeleton {
			t.Error("nothing has changed")
		}
	}
}

func TestASignatureIsKeptOnlyOnceItsRequestIsConfirmed(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr, withKeys(t))
	job := env.signUp(ada)
	env.deliver(job)
	if taken := env.taken(job); taken.Signature != "" || taken.SHA256 == taken.Unsigned {
		t.Fatalf("before: %+v", taken)
	}
	link := links(parse(t, r.received()[0].raw).text)[0]
	if _, err := env.Person.Confirm(t.Context(), link[strings.LastIndexByte(link, '/')+1:], nil,
		consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.keepSignature()
	if got, want := env.taken(job).Signature, string(signaturesText(r.received()[0].raw)); got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// keepSignature runs the one job of confirm.QueueSignature.
func (env *env) keepSignature() {
	env.t.Helper()
	jobs, err := env.store.Lease(env.t.Context(), confirm.QueueSignature, 10, time.Minute)
	if err != nil || len(jobs) != 1 {
		env.t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	if res := env.RunSignature(env.t.Context(), jobs[0]); res.Err != nil || !res.Ended {
		env.t.Fatal(res)
	}
}

// signaturesText returns the signature fields at the beginning of a message.
func signaturesText(raw []byte) []byte {
	return raw[:bytes.Index(raw, []byte("\r\nAuto-Submitted:"))+2]
}

func TestASkeletonIsKeptOnceAndBeforeItsFirstEmailLeaves(t *testing.T) {
	r := startRelay(t)
	var kept []string
	away := errors.New("away")
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		o.Keep = func(_ context.Context, sum string, _ []byte) error {
			kept = append(kept, sum)
			return away
		}
	})
	job := env.signUp("ada@example.org")
	if ended, err := env.Run(t.Context(), job); ended || !errors.Is(err, away) || r.dialled() != 0 {
		t.Fatalf("ended %v, %v, %d connections", ended, err, r.dialled())
	}
	away = fmt.Errorf("no: %w", store.ErrUnavailable)
	if _, err := env.Run(t.Context(), job); waitOf(err) != 5*time.Second || queueOf(err) != job.Queue {
		t.Errorf("%v is retried in %s in %q", err, waitOf(err), queueOf(err))
	}
	away = nil
	env.deliver(job)
	env.deliver(env.signUp("grace@example.net"))
	if len(kept) != 3 || len(slices.Compact(kept)) != 1 {
		t.Errorf("kept: %q", kept)
	}
	env.advance(time.Minute) // the store may have lost it, as a Redis that was restarted without its file
	env.deliver(env.signUp("ken@example.com"))
	if len(kept) != 4 {
		t.Errorf("a minute later kept: %q", kept)
	}
}

// Date, boundary and signatures do not depend on when or how often an email is composed.
func TestASecondAttemptSendsTheSameBytes(t *testing.T) {
	r := startRelay(t, says(".", "451 4.3.0 not now"))
	env := newEnv(t, r.addr, withKeys(t))
	job := env.signUp(ada)
	if ended, err := env.Run(t.Context(), job); ended || err == nil {
		t.Fatalf("ended %v, %v", ended, err)
	}
	env.advance(time.Hour)
	env.restart()
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
	if sent := r.received(); len(sent) != 2 || !bytes.Equal(sent[0].raw, sent[1].raw) {
		t.Errorf("%d emails:\n%s\n%s", len(sent), sent[0].raw, sent[1].raw)
	}
}
