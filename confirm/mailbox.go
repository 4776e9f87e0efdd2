package confirm

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/optin/optin/store"
)

// folding maps text by UTS 46, not transitionally: case, width and compatibility forms go, as by NFKC, and letters that are not the same
// (ı and i, ß and ss) stay apart. What it was made for, that the text may stand in the DNS, it is not asked.
var folding = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.ValidateLabels(false))

// mailbox is the address as far as most providers look at it: without case and compatibility forms of letters, without a "+tag" (at
// Yahoo a "-tag" too), and at Gmail without dots. Two people may share one, at a provider that tells them apart; so nothing is known by
// it, and it only counts letters.
func (a Address) mailbox() string {
	local, err := folding.ToUnicode(a.local)
	if err != nil {
		local = strings.ToLower(a.local)
	}
	domain, tags := a.domain, "+"
	switch {
	case domain == "gmail.com", domain == "googlemail.com":
		domain = "gmail.com"
	case strings.HasPrefix(domain, "yahoo."), domain == "ymail.com", domain == "rocketmail.com":
		tags = "+-"
	}
	if i := strings.IndexAny(local, tags); i > 0 {
		local = local[:i]
	}
	if domain == "gmail.com" {
		local = strings.ReplaceAll(local, ".", "")
	}
	return local + "@" + domain
}

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
	return bucket{s.mailboxName(d.Site, d.To.mailbox()), limits}, bucket{s.mailboxName(d.To.mailbox()), s.EmailsPerMailbox}, taker
}

// mailboxName is the name of a mailbox's bucket.
func (s *Service) mailboxName(parts ...string) string {
	return "mailbox/" + base64.RawURLEncoding.EncodeToString(s.Keyring.Sums("letters per mailbox", parts...)[0])
}
