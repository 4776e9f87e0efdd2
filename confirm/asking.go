package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
)

// ErrPurpose says that a purpose is not one of the site's, or that none was named.
var ErrPurpose = errors.New("confirm: not a purpose of this site")

// Asked is a signup as the web read it.
type Signup struct {
	Address  address.Address
	Purposes []string         // of the site; at least one
	Locale   string           // one of the site's
	Browser  string           // the cookie of a browser that posted our own form; empty otherwise
	Evidence consent.Evidence // its time is set here
	// Once, if not empty, makes the same ask again the same request, as long as that is known: it names what is asked, and who asks,
	// as one idempotency key and one body do.
	IdempotencyID string
}

// Ask takes a signup. It answers nil whatever is known of the address, also where its mailbox is owed all the letters that it can get in a
// day, and so no more are; ErrPurpose for what the site does not offer; a *LimitError.
func (s *Service) Signup(ctx context.Context, site string, a Signup) error {
	st, ok := s.sites[site]
	if !ok || len(a.Purposes) == 0 {
		return fmt.Errorf("%w: site %q, %d purposes", ErrPurpose, site, len(a.Purposes))
	}
	signup := consent.Signup{
		ID: s.requestID(site, a.IdempotencyID), Address: a.Address, Site: site, Locale: a.Locale,
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
		signup.Statements = append(signup.Statements, consent.Statement{Purpose: id, SHA256: sum})
	}
	key, err := s.locate(ctx, site, a.Address)
	if err != nil {
		return err
	}
	return s.atTheDoor(ctx, key, a.Address, func(letter string) (done, error) { return s.spend(ctx, key, letter, signup) })
}

// requestID is a fresh nonce, or the keyed hash of what makes the request the same again.
func (s *Service) requestID(site, once string) string {
	if once == "" {
		return s.nonce(24)
	}
	return base64.RawURLEncoding.EncodeToString(s.Keyring.Sums("request id", site, once)[0][:24])
}

// keepEvery is how seldom the store is asked to keep a text that it has: one that lost everything has it again by then.
const keepEvery = time.Minute

// keep sees to it that a text is in the store before a record names it, whether or not PutTexts has come that far.
func (s *Service) keep(ctx context.Context, text string) (sum string, err error) {
	sum = textSum(text)
	now := s.Now()
	if at, ok := s.kept.Load(sum); ok && now.Sub(at.(time.Time)).Abs() < keepEvery {
		return sum, nil
	}
	if err := s.Store.PutText(ctx, sum, []byte(text)); err != nil {
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

// finish adds to a status what needs more than the record: words and links.
func (s *Service) finish(ctx context.Context, sub *consent.Subscription, st *consent.Status) error {
	if sub.HasConsent() {
		u := s.links.URL(s.unsubscribe(sub, st.ID))
		st.UnsubscribeURL = &u
	}
	return s.word(ctx, st.Purposes)
}

// unsubscribe is the link that takes back: always the same for a subscription, and good for ever (its end is there because every token
// has one; taking back works after it too).
func (s *Service) unsubscribe(sub *consent.Subscription, id string) token.Link {
	return token.Link{Use: token.UseUnsubscribe, Site: sub.Site, ID: id, Until: sub.Created.AddDate(10, 0, 0)}
}
