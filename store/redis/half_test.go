package redis

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// dumps returns everything that a server has.
func (s *server) dumps(t *testing.T) map[string]string {
	t.Helper()
	all, redis := map[string]string{}, s.client()
	for _, key := range redis.Keys(t.Context(), "*").Val() {
		all[key] = redis.Dump(t.Context(), key).Val()
	}
	return all
}

// changed returns the keys in which two dumps differ.
func changed(before, after map[string]string) (all []string) {
	for key := range maps.Keys(after) {
		if before[key] != after[key] {
			all = append(all, key)
		}
	}
	for key := range before {
		if _, there := after[key]; !there {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// confirmWithAnEvent commits what a confirmation does.
func confirmWithAnEvent(t *testing.T, s *Store, n int) error {
	t.Helper()
	now := time.Now()
	return s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "confirmed", Created: now, Timer: now.Add(time.Hour)},
			Enqueue: []store.Job{{ID: key(n).ID + "-event", Queue: "webhook"}},
			Count:   []store.Count{{At: now, Name: "confirmations", N: 1}},
		}, nil
	})
}

// A script is not undone if a command of it is refused: so it is all done or not begun. What was left half done was an
// index without those who were in it, or a confirmation without its event, and the next try found it done.
func TestNothingIsHalfDone(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	for n := range 10 {
		if err := signUp(t, s, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := confirmWithAnEvent(t, s, 9); err != nil {
		t.Fatal(err)
	}
	jobs, err := s.Lease(t.Context(), "webhook", 1, time.Minute)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	acts := map[string]func() error{
		"a signup":       func() error { return signUp(t, s, 100) },
		"a confirmation": func() error { return confirmWithAnEvent(t, s, 3) },
		"an erasure":     func() error { return s.Update(t.Context(), key(4), erasing) },
		"an end":         func() error { return s.End(t.Context(), jobs[0], store.Fail()) },
		"a lease": func() error {
			_, err := s.Lease(t.Context(), "webhook", 10, time.Minute)
			return err
		},
	}
	for _, command := range commandsOf(commitScript.body) {
		each(t, only(server), "acl", "setuser", "default", "-"+command)
		for name, act := range acts {
			before := server.dumps(t)
			if err := act(); err != nil {
				if keys := changed(before, server.dumps(t)); len(keys) > 0 {
					t.Errorf("%s without %s is refused, and has changed %q", name, command, keys)
				}
			} else if name == "a signup" || name == "a confirmation" {
				t.Errorf("%s without %s is done", name, command)
			}
		}
		each(t, only(server), "acl", "setuser", "default", "+"+command)
	}
	for name, act := range acts {
		if err := act(); err != nil && !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("%s, with all commands: %v", name, err)
		}
	}
}

// A key of another type fails the changes that need it, of which nothing is written, and none of those beside them.
func TestAKeyOfAnotherTypeFailsOnlyWhatNeedsIt(t *testing.T) {
	s := newTogether(t)
	redis := s.server.client()
	for n := range 8 {
		if err := signUp(t, s.Store, n); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := s.Lease(t.Context(), "email", 1, time.Minute)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	now, on := time.Now(), shardNumber(0)
	n := 9
	for _, wrong := range append(on.countKeys(nil, "gazette", now),
		on.states("gazette"), on.index("gazette", "pending"), on.index("gazette", "confirmed"),
		on.queue("webhook"), on.failed("email"),
	) {
		redis.Rename(t.Context(), wrong, "kept")
		redis.LPush(t.Context(), wrong, "x")
		var signup, confirmation, ended, other error
		n++
		of := store.Key{Site: "elsewhere", ID: key(n).ID}
		s.do(
			func() { signup = signUp(t, s.Store, n) },
			func() { confirmation = confirmWithAnEvent(t, s.Store, n-10) },
			func() { ended = s.End(t.Context(), jobs[0], store.Fail()) },
			s.update(of, &other, putting(pendingAt(now), store.Job{ID: of.ID + "-job", Queue: "log"})),
		)
		if other != nil {
			t.Errorf("%q: who does not need it: %v", wrong, other)
		}
		if signup == nil && confirmation == nil && ended == nil {
			t.Errorf("%q is not needed", wrong)
		}
		for id, err := range map[string]error{
			key(n).ID: signup, key(n-10).ID + "-event": confirmation, of.ID + "-job": other,
		} {
			if there := redis.HExists(t.Context(), on.jobs(), id).Val(); there != (err == nil) {
				t.Errorf("%q: %v, and the job %s is there: %v", wrong, err, id, there)
			}
		}
		if r, err := s.Find(t.Context(), key(n)); errors.Is(err, store.ErrNotFound) != (signup != nil) {
			t.Errorf("%q: a signup failed with %v, and its record is %q, %v", wrong, signup, r.State, err)
		}
		if r, err := s.Find(t.Context(), key(n-10)); err != nil || (r.State == "confirmed") != (confirmation == nil) {
			t.Errorf("%q: a confirmation failed with %v, and its record is %q, %v", wrong, confirmation, r.State, err)
		}
		redis.Del(t.Context(), wrong)
		redis.Rename(t.Context(), "kept", wrong)
	}
}
