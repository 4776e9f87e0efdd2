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
	return s.take(ctx, taker, at, over)
}

// ReleaseMailbox does nothing: what was taken of a mailbox's limits is never given back.
func (s *Service) ReleaseMailbox(context.Context, store.Job, Message) {}

// places are those of a mailbox at a site and at all sites, and who takes them for an entry.
func (s *Service) places(e store.Job, d Message) (at, over store.Bucket, taker string) {
	taker = e.ID
	if e.Queue == QueueEmailMaybeSent {
		taker += "-2"
	}
	limits := slices.Clone(s.sites[d.Site].Terms.EmailsPerAddress)
	for i, l := range limits {
		// A little less, because letters leave a moment after they are due: the rules' own limits are to be met first.
		limits[i].Per -= min(l.Per/10, time.Minute)
	}
	at = store.Bucket{Name: s.mailboxName(d.Site, d.To.Mailbox()), Limits: limits}
	return at, store.Bucket{Name: s.mailboxName(d.To.Mailbox()), Limits: s.EmailsPerMailbox}, taker
}

// mailboxName is the name of a mailbox's bucket.
func (s *Service) mailboxName(parts ...string) string {
	return "mailbox/" + base64.RawURLEncoding.EncodeToString(s.Keyring.Sums("letters per mailbox", parts...)[0])
}
