package confirm_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// agreesAndLeaves has somebody agree and take it back until their record is larger than the body of a job may be. It
// returns when they did last.
func (env *env) agreesAndLeaves(email string) (left time.Time) {
	env.t.Helper()
	browser := func() (name string) { // which cannot be compressed
		for len(name) < 500 {
			name += rand.Text()
		}
		return name
	}
	for size := 0; size <= store.MaxBody; {
		env.later(25 * time.Hour)
		signup := signupOf(email, "letter")
		signup.Evidence.UserAgent = browser()
		if err := env.Person.SignUp(env.t.Context(), "gazette", signup); err != nil {
			env.t.Fatal(err)
		}
		if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
			env.t.Fatal(err)
		}
		env.later(time.Hour)
		id := env.id(email)
		e := consent.Evidence{UserAgent: browser()}
		if _, err := env.Website.Withdraw(env.t.Context(), "gazette", id, nil, e); err != nil {
			env.t.Fatal(err)
		}
		left = env.clock()
		rec, err := env.store.Find(env.t.Context(), store.Key{Site: "gazette", ID: id})
		if err != nil {
			env.t.Fatal(err)
		}
		size = len(rec.Data)
	}
	return left
}

// TestALeafOfALargeRecordIsOfItsMoment has records that do not fit into the bodies of their leaves' jobs.
func TestALeafOfALargeRecordIsOfItsMoment(t *testing.T) {
	for name, erased := range map[string]bool{"kept": false, "erased meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
			left := env.agreesAndLeaves("ada@example.org")
			env.later(25 * time.Hour)
			env.signUp("ada@example.org", "letter")
			later := env.clock()
			if erased {
				env.erase("ada@example.org")
			}
			var last confirm.LogEntry
			for more := true; more; {
				jobs, err := env.store.Lease(t.Context(), confirm.QueueLog, 100, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				more = len(jobs) > 0
				for _, job := range jobs {
					e, err := env.Log.Entry(t.Context(), job, [32]byte{})
					if err != nil {
						t.Fatal(err)
					}
					if e.At.Equal(left) {
						last = e
					}
				}
			}
			text := string(last.Record)
			if last.Action != consent.StepWithdrawn || strings.Contains(text, "ada@example.org") == erased ||
				strings.Contains(text, later.Format(time.DateOnly)) {
				t.Errorf("the leaf of %v is %s at %v: %.300s", left, last.Action, last.At, text)
			}
		})
	}
}
