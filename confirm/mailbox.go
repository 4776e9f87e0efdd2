package confirm

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// mailbox is the address as far as most providers look at it: without case, without a "+tag", and at Gmail without dots. Two people may
// share one, at a provider that tells them apart; so nothing is known by it, and it only counts letters.
func (a Address) mailbox() string {
	local, domain := strings.ToLower(a.local), a.domain
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		local, domain = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	return local + "@" + domain
}

// Place takes the place of one letter in its mailbox, or says how long until there is one. The rules keep one address to the site's limits;
// this keeps to them a mailbox that strangers sign up in a hundred spellings, each an address of its own. A letter takes its place
// right before it leaves, and once, however often it is tried.
func (s *Service) Place(ctx context.Context, e store.Entry, d Draft) (wait time.Duration, err error) {
	var limits []store.Limit
	for _, l := range s.sites[d.Site].Terms.Letters {
		// A little less, because letters leave a moment after they are due: the rules' own limits are to be met first.
		l.Per -= min(l.Per/10, time.Minute)
		limits = append(limits, l)
	}
	if len(limits) == 0 {
		return 0, nil
	}
	sum := s.Ring.Sums("letters per mailbox", d.Site, d.To.mailbox())[0]
	return s.Store.Take(ctx, "mailbox/"+base64.RawURLEncoding.EncodeToString(sum), e.ID, limits...)
}
