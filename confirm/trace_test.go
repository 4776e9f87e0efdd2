package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func tracedEnv(t *testing.T) *env {
	t.Helper()
	return newEnvWith(t, func(o *confirm.Options) { o.Traced = true })
}

// signUpTraced signs an address up, and returns the trace that it begins.
func (env *env) signUpTraced(email string, purposes ...string) (trace confirm.Trace) {
	env.t.Helper()
	signup := signupOf(email, purposes...)
	signup.Located = func(_ store.Key, t confirm.Trace) { trace = t }
	if err := env.Person.SignUp(env.t.Context(), "gazette", signup); err != nil {
		env.t.Fatal(err)
	}
	if trace.IsZero() || trace.Root == [8]byte{} || !trace.Begins {
		env.t.Fatalf("a signup begins the trace %+v", trace)
	}
	trace.Begins = false // what follows does not begin it
	return trace
}

// eventTrace leases the one event that is due, and returns its type and its trace.
func (env *env) eventTrace() (consent.EventType, confirm.Trace) {
	env.t.Helper()
	job := env.lease(endpoint, 1)[0]
	e, err := env.Website.Event(env.t.Context(), job)
	if err != nil {
		env.t.Fatal(err)
	}
	if err := env.store.End(env.t.Context(), job, store.Complete()); err != nil {
		env.t.Fatal(err)
	}
	return e.Type, e.Trace
}

func TestEverythingThatOneRequestLeadsToHasItsTrace(t *testing.T) {
	t.Parallel()
	env := tracedEnv(t)
	trace := env.signUpTraced("ada@example.org", "letter")
	m := env.email()
	v, err := env.Person.View(t.Context(), tokenOf(m.Confirm))
	if m.Trace != trace || v.Trace != trace || err != nil {
		t.Errorf("the email has the trace %v, its page %v, not %v; %v", m.Trace, v.Trace, trace, err)
	}
	if v, err = env.confirm(tokenOf(m.Confirm)); v.Trace != trace || err != nil {
		t.Errorf("the confirmation has the trace %v, not %v; %v", v.Trace, trace, err)
	}
	if is, got := env.eventTrace(); is != consent.EventConfirmed || got != trace {
		t.Errorf("%s has the trace %v, not %v", is, got, trace)
	}

	// Another purpose is another request, and its confirmation is about it. What is withdrawn is what was confirmed.
	env.later(24 * time.Hour)
	second := env.signUpTraced("ada@example.org", "offers")
	if second.ID == trace.ID || second.Root == trace.Root {
		t.Errorf("two requests of one person share the trace %v", trace)
	}
	if v, err = env.confirm(tokenOf(env.email().Confirm)); v.Trace != second || err != nil {
		t.Errorf("the second confirmation has the trace %v, not %v; %v", v.Trace, second, err)
	}
	if _, got := env.eventTrace(); got != second {
		t.Errorf("the event of the second has the trace %v, not %v", got, second)
	}
	env.later(time.Hour)
	_, err = env.Website.Withdraw(t.Context(), "gazette", env.id("ada@example.org"), []string{"letter"},
		consent.Evidence{})
	if is, got := env.eventTrace(); is != consent.EventWithdrawn || got != trace || err != nil {
		t.Errorf("%s has the trace %v, not that of what was withdrawn, %v; %v", is, got, trace, err)
	}
}

func TestWhatIsNotConfirmedEndsInItsTrace(t *testing.T) {
	t.Parallel()
	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		env := tracedEnv(t)
		trace := env.signUpTraced("ada@example.org", "letter")
		v, err := env.Person.Decline(t.Context(), tokenOf(env.email().Decline), consent.Evidence{})
		if v.Trace != trace || err != nil {
			t.Errorf("%v, %v", v.Trace, err)
		}
		if is, got := env.eventTrace(); is != consent.EventDeclined || got != trace {
			t.Errorf("%s has the trace %v, not %v", is, got, trace)
		}
		again := env.signUpTraced("ada@example.org", "letter")
		m, err := env.Relay.Message(t.Context(), env.emailJobs()[0])
		if !errors.Is(err, confirm.ErrNotDue) || m.Trace != again {
			t.Errorf("the email that is not due has the trace %v, not %v; %v", m.Trace, again, err)
		}
	})
	t.Run("undeliverable", func(t *testing.T) {
		t.Parallel()
		env := tracedEnv(t)
		trace := env.signUpTraced("ada@example.org", "letter")
		if err := env.Relay.Undeliverable(t.Context(), env.emails(1)[0], "550 5.1.1 no"); err != nil {
			t.Fatal(err)
		}
		if is, got := env.eventTrace(); is != consent.EventUndeliverable || got != trace {
			t.Errorf("%s has the trace %v, not %v", is, got, trace)
		}
	})
	t.Run("renewed after it expired", func(t *testing.T) {
		t.Parallel()
		env := tracedEnv(t)
		trace := env.signUpTraced("ada@example.org", "letter")
		signed := tokenOf(env.email().Confirm)
		env.later(49 * time.Hour)
		if v, err := env.Person.View(t.Context(), signed); v.Trace != trace || !errors.Is(err, consent.ErrExpired) {
			t.Errorf("the page of the expired link has the trace %v, not %v; %v", v.Trace, trace, err)
		}
		v, err := env.Person.Renew(t.Context(), signed, nil, consent.Evidence{})
		if err != nil || v.Trace.ID == trace.ID || !v.Trace.Begins {
			t.Errorf("renewing begins the trace %+v, %v", v.Trace, err)
		}
		v.Trace.Begins = false
		if m := env.email(); m.Trace != v.Trace {
			t.Errorf("its email has the trace %v, not %v", m.Trace, v.Trace)
		}
	})
}

// It is the clock that asks for a renewal before a consent ends: there is no span to be the parent of what follows.
func TestARenewalByTheClockHasNoRoot(t *testing.T) {
	t.Parallel()
	env := newEnvWith(t, func(o *confirm.Options) {
		o.Traced = true
		o.Sites[0].Terms.Validity = consent.Validity{For: 60 * 24 * time.Hour, RenewBefore: 10 * 24 * time.Hour}
	})
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(51 * 24 * time.Hour)
	env.tick(1)
	m := env.email()
	if m.Type != consent.EmailRenew || m.Trace.IsZero() || m.Trace.Root != [8]byte{} {
		t.Fatalf("%s has the trace %+v", m.Type, m.Trace)
	}
	if v, err := env.confirm(tokenOf(m.Confirm)); v.Trace != m.Trace || err != nil {
		t.Errorf("its confirmation has the trace %+v, not %+v; %v", v.Trace, m.Trace, err)
	}
}

func TestEachProcessWorksOutTheSameTraceAndNobodyElse(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/optin.db"
	traced := func(o *confirm.Options) { o.Traced = true }
	one := openWith(t, path, traced, "s")
	trace := one.signUpTraced("ada@example.org", "letter")
	if m := openWith(t, path, traced, "s").email(); m.Trace != trace {
		t.Errorf("another process has the trace %v, not %v", m.Trace, trace)
	}
	signup := signupOf("ada@example.org", "letter")
	signup.IdempotencyID = "the same request"
	traceWith := func(secret string) (got confirm.Trace) {
		signup.Located = func(_ store.Key, t confirm.Trace) { got = t }
		env := openWith(t, t.TempDir()+"/optin.db", traced, secret)
		if err := env.Person.SignUp(t.Context(), "gazette", signup); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if a, b := traceWith("s"), traceWith("t"); a == b || a.Root == b.Root {
		t.Error("the trace does not depend on the secret")
	}
}

func TestThereIsNoTraceUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	signup := signupOf("ada@example.org", "letter")
	signup.Located = func(_ store.Key, trace confirm.Trace) {
		if trace != (confirm.Trace{}) || trace.String() != "" {
			t.Errorf("the signup has the trace %+v", trace)
		}
	}
	if err := env.Person.SignUp(t.Context(), "gazette", signup); err != nil {
		t.Fatal(err)
	}
	m := env.email()
	v, err := env.confirm(tokenOf(m.Confirm))
	if _, of := env.eventTrace(); !m.Trace.IsZero() || !v.Trace.IsZero() || !of.IsZero() || err != nil {
		t.Errorf("%v, %v, %v, %v", m.Trace, v.Trace, of, err)
	}
}
