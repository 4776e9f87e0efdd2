package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

// ErrPurpose says that a purpose is not one of the site's, or that none was named.
var ErrPurpose = errors.New("confirm: not a purpose of this site")

// Asked is a signup as the web read it.
type Asked struct {
	Address  Address
	Purposes []string // of the site; at least one
	Locale   string   // one of the site's
	Browser  string   // the cookie of a browser that posted our own form; empty otherwise
	Evidence Evidence // its time is set here
}

// Ask takes a signup. It answers nil whatever is known of the address; ErrPurpose for what the site does not offer.
func (s *Service) Ask(ctx context.Context, site string, a Asked) error {
	st, ok := s.sites[site]
	if !ok || len(a.Purposes) == 0 {
		return fmt.Errorf("%w: site %q, %d purposes", ErrPurpose, site, len(a.Purposes))
	}
	signup := Signup{
		ID: s.nonce(24), Address: a.Address, Site: site, Locale: a.Locale,
		Evidence: s.stamp(a.Evidence), Browser: BrowserHash(a.Browser), Terms: st.Terms,
	}
	for _, id := range a.Purposes {
		p, ok := st.Purpose(id)
		text := p.Text[a.Locale]
		if !ok || text == "" {
			return fmt.Errorf("%w: %q in %q", ErrPurpose, id, a.Locale)
		}
		sum, err := s.keep(ctx, text)
		if err != nil {
			return err
		}
		signup.Shown = append(signup.Shown, Shown{Purpose: id, Text: sum})
	}
	key, err := s.locate(ctx, site, a.Address)
	if err != nil {
		return err
	}
	_, _, err = s.act(ctx, key, signup, nil)
	return err
}

// keepEvery is how seldom the store is asked to keep a text that it has: one that lost everything has it again by then.
const keepEvery = time.Minute

// keep sees to it that a text is in the store before a record names it, whether or not KeepTexts has come that far.
func (s *Service) keep(ctx context.Context, text string) (sum string, err error) {
	sum = textSum(text)
	now := s.Now()
	if at, ok := s.kept.Load(sum); ok && now.Sub(at.(time.Time)).Abs() < keepEvery {
		return sum, nil
	}
	if err := s.Store.Keep(ctx, sum, []byte(text)); err != nil {
		return "", fmt.Errorf("confirm: keep a text that is shown: %w", err)
	}
	s.kept.Store(sum, now)
	return sum, nil
}

// BrowserHash is what a request remembers of a browser's cookie; empty for none.
func BrowserHash(cookie string) string {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Lookup answers the website's question: what is known of this address here? store.ErrNotFound if nothing is.
func (s *Service) Lookup(ctx context.Context, site string, a Address) (Status, error) {
	key, err := s.locate(ctx, site, a)
	if err != nil {
		return Status{}, err
	}
	r, err := s.Store.Get(ctx, key)
	if err != nil {
		return Status{}, err
	}
	sub, err := s.vault.open(r)
	if err != nil {
		return Status{}, err
	}
	st := sub.status(key.ID, s.Now())
	if st.State == "" {
		return Status{}, store.ErrNotFound
	}
	if st.Email == "" {
		st.Email = a.String()
	}
	return st, s.finish(ctx, &sub, &st)
}

// finish adds to a status what needs more than the record: words and links.
func (s *Service) finish(ctx context.Context, sub *Subscription, st *Status) error {
	if sub.granted() {
		u := s.links.url(s.unsubscribe(sub, st.ID))
		st.UnsubscribeURL = &u
	}
	return s.word(ctx, st.Purposes)
}

// unsubscribe is the link that takes back: always the same for a subscription, and good for ever (its end is there because every token
// has one; taking back works after it too).
func (s *Service) unsubscribe(sub *Subscription, id string) Link {
	return Link{Use: UseUnsubscribe, Site: sub.Site, ID: id, Until: sub.Created.AddDate(10, 0, 0)}
}
