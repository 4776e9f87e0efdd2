package confirm

import (
	"context"
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
func (s *Service) door(site string, a address.Address) store.Bucket {
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
		return store.Bucket{}
	}
	return store.Bucket{
		Name:   s.mailboxName("owed", site, a.Mailbox()),
		Limits: []store.Limit{{N: longest.N + waiting, Per: max(longest.Per, time.Second)}},
	}
}

// atTheDoor carries out what may owe a letter, unless enough are owed to its mailbox: then nothing happens, and nobody is told, for the
// limit of a mailbox is silent. The store is asked and written as often whatever is found. The act is told the name of the letter that it may owe, under which it is counted here.
func (s *Service) atTheDoor(ctx context.Context, key store.Key, a address.Address, act func(letter string) (done, error)) error {
	letter := s.nonce(16)
	if wait, err := s.take(ctx, letter, s.door(key.Site, a)); err != nil || wait > 0 {
		if err == nil {
			s.pretend(ctx, key)
		}
		return err
	}
	_, err := act(letter)
	return err
}

// decoys is the site of records that are nobody's: no site has this id.
const decoys = "-decoy"

// pretend asks and writes what a signup does that is let in: else its time would tell that the mailbox is being signed up. The records are
// few, and are overwritten and gone within a minute.
func (s *Service) pretend(ctx context.Context, key store.Key) {
	own, all := s.budgets(key.Site)
	var spare []store.Bucket
	for _, b := range []store.Bucket{own, all} {
		if len(b.Limits) > 0 {
			spare = append(spare, store.Bucket{Name: "spare-" + b.Name, Limits: []store.Limit{{N: 1 << 20, Per: time.Second}}})
		}
	}
	_, _ = s.Store.Acquire(ctx, "", spare...)
	now := s.Now()
	decoy := store.Record{State: string(consent.Pending), Created: now, Expires: now.Add(time.Minute), Data: make([]byte, 700)} // about a signup's size
	_ = s.Store.Update(ctx, store.Key{Site: decoys, ID: key.ID[:1] + "decoydecoydecoydecoyd"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &decoy}, nil
	})
}
