package confirm_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// reads is a store that counts how often many records are read, and may do something when they were.
type reads struct {
	store.Store
	n    int
	read func(n int) error // the error takes the place of the records
}

func (r *reads) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	found, err := r.Store.FindAll(ctx, keys...)
	if r.n++; r.read != nil && err == nil {
		err = r.read(len(keys))
	}
	return found, err
}

// newReadsEnv returns an env with two emails that are leased, the first to ada.
func newReadsEnv(t *testing.T, path string) (*env, *reads, []store.Job) {
	t.Helper()
	r := &reads{}
	env := openWith(t, path, func(o *confirm.Options) { r.Store, o.Store = o.Store, r }, "s")
	env.signUp("ada@example.org", "letter")
	env.signUp("a.da@gmail.com", "letter") // a mailbox has this in other spellings
	jobs := env.emailJobs()
	ada := env.id("ada@example.org")
	slices.SortFunc(jobs, func(a, b store.Job) int {
		switch {
		case a.Key.ID == ada:
			return -1
		case b.Key.ID == ada:
			return 1
		}
		return 0
	})
	r.n = 0
	return env, r, jobs
}

func TestWhatEmailsNeedIsReadTogether(t *testing.T) {
	env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
	env.Relay.ReadAhead(t.Context(), jobs)
	var ahead []confirm.Message
	for _, job := range jobs {
		m, err := env.Relay.Message(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		ahead = append(ahead, m)
	}
	if reads.n != 1 {
		t.Errorf("%d reads of two emails", reads.n)
	}
	for i, job := range jobs {
		m, err := env.Relay.Message(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, ahead[i], cmpopts.IgnoreUnexported(confirm.Message{}),
			cmpopts.EquateComparable(address.Address{})); diff != "" {
			t.Errorf("read alone the email says something else:\n%s", diff)
		}
	}
	if reads.n != 3 {
		t.Errorf("%d reads: what was read ahead is not for a second attempt", reads.n)
	}
	d := consent.Delivery{Reply: "250 ok"}
	if err := env.Relay.Delivered(t.Context(), jobs[0], &ahead[0], d); err != nil {
		t.Error(err)
	}
}

// changedMeanwhile are changes after which the email to ada must not leave.
var changedMeanwhile = map[string]func(*env) error{
	"erased": func(env *env) error {
		return env.Website.Erase(env.t.Context(), "gazette", env.id("ada@example.org"))
	},
	"withdrawn": func(env *env) error {
		_, err := env.Website.Withdraw(env.t.Context(), "gazette", env.id("ada@example.org"), nil, consent.Evidence{})
		return err
	},
	"objected": func(env *env) error {
		return env.Website.Object(env.t.Context(), "gazette", mustParse("ada@example.org"), nil, consent.Evidence{})
	},
	"objected in another spelling": func(env *env) error {
		ada := mustParse("ada+news@example.org")
		return env.Website.Object(env.t.Context(), "gazette", ada, nil, consent.Evidence{})
	},
	"expired": func(env *env) error {
		env.later(terms.TTL)
		return nil
	},
}

func TestWhatWasChangedSinceItWasReadAheadIsNotMailed(t *testing.T) {
	for name, change := range changedMeanwhile {
		t.Run(name, func(t *testing.T) {
			env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
			env.Relay.ReadAhead(t.Context(), jobs)
			if err := change(env); err != nil {
				t.Fatal(err)
			}
			if _, err := env.Relay.Message(t.Context(), jobs[0]); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("the email is due: %v", err)
			}
			before := reads.n
			_, err := env.Relay.Message(t.Context(), jobs[1])
			if name != "expired" && (err != nil || reads.n > before) {
				t.Errorf("the other email: %d reads, %v", reads.n-before, err)
			}
		})
	}
}

// A refusal is noted of the mailbox first.
func TestAMailboxThatRefusesAfterItWasReadAheadGetsNoEmail(t *testing.T) {
	env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
	env.Relay.ReadAhead(t.Context(), jobs)
	reads.read = func(int) error { return store.ErrUnavailable }
	if err := changedMeanwhile["objected in another spelling"](env); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the rest of the refusal: %v", err)
	}
	reads.read = nil
	if _, err := env.Relay.Message(t.Context(), jobs[0]); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("the email is due: %v", err)
	}
}

func TestWhatIsChangedWhileItIsReadAheadIsNotMailed(t *testing.T) {
	for name, change := range changedMeanwhile {
		t.Run(name, func(t *testing.T) {
			env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
			reads.read = func(int) error {
				reads.read = nil
				return change(env)
			}
			env.Relay.ReadAhead(t.Context(), jobs)
			if _, err := env.Relay.Message(t.Context(), jobs[0]); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("the email is due: %v", err)
			}
		})
	}
}

// Another process's changes are not counted here: what was read ahead is good for a moment only.
func TestWhatAnotherProcessChangedIsNotMailedAMomentLater(t *testing.T) {
	for name, change := range changedMeanwhile {
		if name == "expired" {
			continue // each process has a clock
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "optin.db")
				env, _, jobs := newReadsEnv(t, path)
				env.Relay.ReadAhead(t.Context(), jobs)
				if err := change(open(t, path, "s")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(201 * time.Millisecond)
				if _, err := env.Relay.Message(t.Context(), jobs[0]); !errors.Is(err, confirm.ErrNotDue) {
					t.Errorf("the email is due: %v", err)
				}
			})
		})
	}
}

func TestAnEmailReadAheadWhoseLeaseIsLostIsNotRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env, _, jobs := newReadsEnv(t, path)
	env.Relay.ReadAhead(t.Context(), jobs)
	m, err := env.Relay.Message(t.Context(), jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, path, "s")
	other.later(2 * time.Minute)
	again := other.emailJobs()
	d := consent.Delivery{Reply: "250 ok"}
	if err := env.Relay.Delivered(t.Context(), jobs[0], &m, d); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("recording it: %v", err)
	}
	for _, job := range again {
		if err := other.Relay.Delivered(t.Context(), job, nil, d); err != nil {
			t.Errorf("the one that has the lease: %v", err)
		}
	}
}

func TestABadJobAmongThoseReadAheadStopsNobody(t *testing.T) {
	env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
	bad := jobs[1]
	bad.ID, bad.Body = "bad", []byte("not sealed")
	env.Relay.ReadAhead(t.Context(), []store.Job{jobs[0], bad, jobs[1]})
	for _, job := range jobs {
		if _, err := env.Relay.Message(t.Context(), job); err != nil {
			t.Error(err)
		}
	}
	if reads.n != 1 {
		t.Errorf("%d reads beside a bad job", reads.n)
	}
	if _, err := env.Relay.Message(t.Context(), bad); !errors.Is(err, confirm.ErrUnreadable) {
		t.Errorf("the bad one: %v", err)
	}
}

func TestWhatCouldNotBeReadAheadIsReadAlone(t *testing.T) {
	env, reads, jobs := newReadsEnv(t, filepath.Join(t.TempDir(), "optin.db"))
	reads.read = func(n int) error {
		if n > 2 {
			return fmt.Errorf("%w: many at once", store.ErrUnavailable)
		}
		return nil
	}
	env.Relay.ReadAhead(t.Context(), jobs)
	for _, job := range jobs {
		if _, err := env.Relay.Message(t.Context(), job); err != nil {
			t.Error(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	env.Relay.ReadAhead(ended, jobs)
	if _, err := env.Relay.Message(t.Context(), jobs[0]); err != nil {
		t.Errorf("after a read that was cancelled: %v", err)
	}
}
