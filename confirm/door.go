package confirm

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// waiting is how many letters are owed to one mailbox beyond those that it may get: they wait for their place.
const waiting = 4

// door is what bounds the letters that a site owes to one mailbox in its many spellings: as many as it may get in the longest of the times
// that its limits tell, and a few that wait. Without it a stranger with a million spellings would have a million letters wait, in the lane
// of all who are at the same provider. An address in its plainest spelling is one alone, which the rules bound: it needs no door, and so nobody
// can shut one on it.
func (s *Service) door(site string, a address.Address) bucket {
	limits := s.sites[site].Terms.EmailsPerAddress
	if len(limits) == 0 {
		limits = s.EmailsPerMailbox
	}
	var longest store.Limit
	for _, l := range limits {
		if l.Per > longest.Per {
			longest = l
		}
	}
	if longest.N == 0 || a.String() == a.Mailbox() {
		return bucket{}
	}
	return bucket{s.mailboxName("owed", site, a.Mailbox()), []store.Limit{{N: longest.N + waiting, Per: max(longest.Per, time.Second)}}}
}

// atTheDoor carries out what may owe a letter, unless enough are owed to its mailbox: then nothing happens, and nobody is told, for the
// limit of a mailbox is silent. The store is asked and written as often whatever is found. The act is told the name of the letter that it
// may owe, under which it is counted here until Leave.
func (s *Service) atTheDoor(ctx context.Context, key store.Key, a address.Address, act func(letter string) (done, error)) error {
	door, letter := s.door(key.Site, a), s.nonce(16)
	if wait, err := s.take(ctx, door, letter); err != nil || wait > 0 {
		if err == nil {
			s.pretend(ctx, key, door)
		}
		return err
	}
	d, err := act(letter)
	var busy *LimitError
	switch {
	case errors.As(err, &busy), err == nil && !d.letter:
		_ = s.giveBack(ctx, door, letter) // should it fail, the letter counts though it is not owed
	case err == nil:
		s.feign(ctx, door)
	}
	return err
}

// decoys is the site of records that are nobody's: no site has this id.
const decoys = "-decoy"

// pretend asks and writes what a signup does that is let in: else its time would tell that the mailbox is being signed up. The records are
// few, and are overwritten and gone within a minute.
func (s *Service) pretend(ctx context.Context, key store.Key, door bucket) {
	own, all := s.budgets(key.Site)
	s.feign(ctx, own, all)
	now := s.Now()
	decoy := store.Record{State: string(consent.Pending), Created: now, Expires: now.Add(time.Minute), Data: make([]byte, 700)} // about a signup's size
	_ = s.Store.Update(ctx, store.Key{Site: decoys, ID: key.ID[:1] + "decoydecoydecoydecoyd"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &decoy}, nil
	})
	s.feign(ctx, own, all, door)
}
