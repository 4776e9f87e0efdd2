package confirm

import (
	"context"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// deed is an act with what goes into the store beside it.
type deed struct {
	consent.Action
	settle *store.Job // the entry that led here: it is done in the same step
	letter string     // the ID of the entry of the letter that the act may owe; empty: any
}

// done is what became of a deed.
type done struct {
	after   consent.Subscription // also beside an error of a rule
	changed bool
	letter  bool // a letter is owed
	settled bool // false if there was nothing to commit, and so the entry was not settled
}

// act carries out one act under a key, atomically, and wakes who works off what is owed. A signup that changes nothing is
// committed all the same: else the time a commit takes would tell anybody whether an address is known.
func (s *Service) act(ctx context.Context, key store.Key, a deed) (d done, err error) {
	var owe []store.Job
	err = s.Store.Update(ctx, key, func(r store.Record) (store.Change, error) {
		owe, d = nil, done{}
		before, err := s.vault.open(r)
		if err != nil {
			return store.Change{}, err
		}
		sub, owed, changed, err := consent.Apply(before, a.Action, s.Now())
		d.after = sub
		if err != nil {
			return store.Change{}, err
		}
		if _, anybody := a.Action.(consent.Signup); !changed && (!anybody || !r.Exists()) {
			return store.Change{}, nil
		}
		if owe, err = s.entries(key, sub, owed, a.letter); err != nil {
			return store.Change{}, err
		}
		d.changed, d.letter = changed, owesLetter(owed)
		change := store.Change{Enqueue: owe, Count: consent.Counts(before, sub)}
		if change.Erase = sub.Gone(); !change.Erase {
			change.Put, err = s.vault.seal(key, sub)
		}
		if d.settled = a.settle != nil; d.settled {
			change.End = &store.JobEnd{Job: *a.settle, Outcome: store.Complete()}
		}
		return change, err
	})
	if err != nil {
		return done{after: d.after}, err
	}
	for _, e := range owe {
		if e.Due.IsZero() {
			s.Enqueued(e.Queue)
		}
	}
	return d, nil
}
