package confirm_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// revised has the letter at a revision.
func revised(revision int) func(*confirm.Options) {
	return func(o *confirm.Options) { o.Sites[0].Purposes[0].Revision = revision }
}

func TestAConsentThatARevisionEndedIsListedWhereItStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := openWith(t, path, revised(1), "s")
	env.signUp("ada@example.org", "letter")
	_, _ = env.confirm(tokenOf(env.email().Confirm))
	env.signUp("both@example.org", "letter", "offers")
	_, _ = env.confirm(tokenOf(env.email().Confirm))
	must(t, env.store.Close())

	env = openWith(t, path, revised(2), "s")
	env.later(time.Hour)
	for state, want := range map[consent.State][]string{
		consent.Expired: {"ada@example.org"}, consent.Confirmed: {"both@example.org"}, consent.Withdrawn: nil,
	} {
		got := env.pages(confirm.Listing{State: state, Limit: 10}, func() {})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
}

func TestWhatIsWithdrawnStaysSoWhenTheRevisionGoesDownAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := openWith(t, path, revised(1), "s")
	env.signUp("ada@example.org", "letter")
	v, err := env.confirm(tokenOf(env.email().Confirm))
	must(t, err)
	must(t, env.store.Close())

	env = openWith(t, path, revised(2), "s")
	env.later(time.Hour)
	env.lease(endpoint, 1) // of the confirmation
	_, err = env.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), nil, consent.Evidence{How: consent.ByOneClick})
	must(t, err)
	env.lease(endpoint, 1) // the website is told
	must(t, env.store.Close())

	env = openWith(t, path, revised(1), "s")
	env.later(2 * time.Hour)
	if st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org")); err != nil ||
		st.State != consent.Withdrawn {
		t.Errorf("%+v, %v", st, err)
	}
}

// Since when a revision holds is the same after a restart, for another process, and for one that changes nothing.
func TestARevisionEndsConsentsAtOneTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := openWith(t, path, revised(1), "s")
	must(t, env.PutStatements(t.Context()))
	env.signUp("ada@example.org", "letter")
	_, _ = env.confirm(tokenOf(env.email().Confirm))
	must(t, env.store.Close())

	raised := env.now
	var since []time.Time
	for i, learn := range []func(context.Context, *confirm.Service) error{
		func(ctx context.Context, s *confirm.Service) error { return s.PutStatements(ctx) },
		func(ctx context.Context, s *confirm.Service) error { return s.PutStatements(ctx) },
		func(ctx context.Context, s *confirm.Service) error { return s.ReadRevisions(ctx) },
	} {
		env = openWith(t, path, func(o *confirm.Options) {
			revised(2)(o)
			now := o.Now
			o.Now = func() time.Time { return now().Add(time.Duration(1+i) * time.Hour) }
		}, "s")
		must(t, learn(t.Context(), env.Service))
		st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
		must(t, err)
		if st.State != consent.Expired {
			t.Errorf("%d: %+v", i, st)
		}
		since = append(since, st.Purposes[0].Since)
		must(t, env.store.Close())
	}
	want := raised.Add(time.Hour).Truncate(time.Second)
	if diff := cmp.Diff([]time.Time{want, want, want}, since); diff != "" {
		t.Error(diff)
	}
}
