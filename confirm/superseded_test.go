package confirm_test

import (
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
