package confirm

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// Place takes the place of one letter in its mailbox, both among those of its site and among those of all sites, or says how long until
// there is one. The rules keep one address to the site's limits; this keeps to them a mailbox that strangers sign up in a hundred
// spellings, each an address of its own, and to Options.Letters one that they sign up at a hundred sites. A letter takes its place right
// before it leaves, and once, however often it is tried; but one that a relay may have taken (QueueEmailMaybeSent) is a second letter.
func (s *Service) AcquireMailbox(ctx context.Context, e store.Job, d Message) (wait time.Duration, err error) {
	at, over, taker := s.places(e, d)
	first, err := s.take(ctx, at, taker)
	if err != nil {
		return 0, err
	}
	second, err := s.take(ctx, over, taker) // also where the first refuses: the longer wait is the one to know
	switch {
	case err != nil:
		return 0, err // the letter is tried again, and what it took is its own
	case first > 0 && second == 0:
		err = s.giveBack(ctx, over, taker)
	case second > 0 && first == 0:
		err = s.giveBack(ctx, at, taker)
	}
	return max(first, second), err
}

// Leave gives back the place of a letter that its mailbox refused, there and among those that are owed to it: who signs somebody up in spellings that lead nowhere takes nothing from
// them. Should it fail, the letter counts.
func (s *Service) ReleaseMailbox(ctx context.Context, e store.Job, d Message) {
	at, over, taker := s.places(e, d)
	_ = s.giveBack(ctx, at, taker)
	_ = s.giveBack(ctx, over, taker)
	_ = s.giveBack(ctx, s.door(d.Site, d.To), e.ID)
}

// places are those of a mailbox at a site and at all sites, and who takes them for an entry.
func (s *Service) places(e store.Job, d Message) (at, over bucket, taker string) {
	taker = e.ID
	if e.Queue == QueueEmailMaybeSent {
		taker += "-2"
	}
	limits := slices.Clone(s.sites[d.Site].Terms.EmailsPerAddress)
	for i, l := range limits {
		// A little less, because letters leave a moment after they are due: the rules' own limits are to be met first.
		limits[i].Per -= min(l.Per/10, time.Minute)
	}
	return bucket{s.mailboxName(d.Site, d.To.Mailbox()), limits}, bucket{s.mailboxName(d.To.Mailbox()), s.EmailsPerMailbox}, taker
}

// mailboxName is the name of a mailbox's bucket.
func (s *Service) mailboxName(parts ...string) string {
	return "mailbox/" + base64.RawURLEncoding.EncodeToString(s.Keyring.Sums("letters per mailbox", parts...)[0])
}
