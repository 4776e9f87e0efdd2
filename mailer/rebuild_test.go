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

// Between the two halves of this test, everything that an email is made of changes, but for what is kept of it.
func TestAnOldEmailIsRebuiltToTheByteWhateverHasChangedSince(t *testing.T) {
	long := strings.Repeat("x", 64) + "@" + strings.Repeat("a.", 90) + "example"
	for _, to := range []string{ada, "jörg@bücher.example", long} {
		r := startRelay(t)
		var kept [][]byte
		env := newEnv(t, r.addr, withReplyAndBounces, withKeys(t), func(o *mailer.Options) {
			put := o.Keep
			o.Keep = func(ctx context.Context, sum string, data []byte) error {
				kept = append(kept, data)
				return put(ctx, sum, data)
			}
		})
		var jobs []store.Job
		var said []confirm.Message
		send := func() {
			t.Helper()
			job := env.signUp(to)
			msg, err := env.Relay.Message(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			jobs, said = append(jobs, job), append(said, msg)
			env.deliver(job)
		}
		send()
		delivered := env.request(jobs[0]).Delivery
		first := links(parse(t, r.received()[0].raw).text)[0]
		if _, err := env.Person.Confirm(t.Context(), first[strings.LastIndexByte(first, '/')+1:],
			consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		env.advance(24 * time.Hour)
		send() // to somebody who has confirmed
		sent := r.received()

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
		if later.request(other).Delivery.Skeleton == delivered.Skeleton {
			t.Fatal("nothing has changed")
		}
		for i, msg := range said {
			signature := signaturesText(sent[i].raw)
			want := bytes.TrimPrefix(sent[i].raw, signature)
			found := false
			for _, data := range kept {
				got, err := mailer.Rebuild(data, jobs[i].ID, msg)
				found = found || err == nil && bytes.Equal(got, want)
			}
			if !found {
				t.Errorf("none of %d skeletons gives email %d to %s", len(kept), i, to)
			}
		}
		data, err := env.store.Text(t.Context(), delivered.Skeleton)
		if err != nil {
			t.Fatal(err)
		}
		msg := said[0]
		msg.Date = delivered.Date
		raw, err := mailer.Rebuild(data, jobs[0].ID, msg)
		if err != nil || sum(raw) != delivered.Unsigned ||
			sum([]byte(delivered.Signature), raw) != delivered.SHA256 || delivered.SHA256 != sum(sent[0].raw) {
			t.Errorf("to %s: %v, %+v", to, err, delivered)
		}
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
