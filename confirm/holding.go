package confirm

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// View is what the page behind a link shows. It is filled as far as things are known also beside ErrExpired, ErrDeclined and ErrWithdrawn;
// beside ErrUnknownLink it is empty.
type View struct {
	Use         token.Use
	Site        string
	Locale      string
	Address     address.Address
	State       consent.State           // of the link's request; of UseUnsubscribe: of the subscription
	Purposes    []consent.PurposeStatus // of the link's request, where they stand now; of UseUnsubscribe: all
	Asked       time.Time
	Deadline    time.Time
	Browser     string // BrowserHash of the browser that signed up on our own form
	Renewable   bool   // beside ErrExpired
	Declined    bool   // letters are declined
	Decline     string // token for the page's own buttons
	Unblock     string
	Unsubscribe string // URL
}

// Look shows what is behind a link of a letter or page, and changes nothing.
func (s *Service) View(ctx context.Context, signed string) (View, error) {
	l, err := s.read(ctx, signed, token.UseConfirm, token.UseDecline, token.UseUnblock)
	if err != nil {
		return View{}, err
	}
	sub, err := s.get(ctx, keyOf(l))
	if err != nil {
		return View{}, err
	}
	if l.Use == token.UseConfirm {
		_, err = sub.Confirmable(l.Request, s.Now())
	} else if sub.Declined != nil {
		err = consent.ErrDeclined
	}
	return s.view(ctx, l, sub, err)
}

// Confirm presses the button behind a confirm link. Pressing again answers the same.
func (s *Service) Confirm(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, err := s.read(ctx, signed, token.UseConfirm)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, consent.Confirm{Request: l.Request, Evidence: s.stamp(e)})
}

// Decline says "this was not me". The confirm link, which has all the power of the mailbox, may do it too.
func (s *Service) Decline(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, err := s.read(ctx, signed, token.UseConfirm, token.UseDecline)
	if err != nil {
		return View{}, err
	}
	d, err := s.act(ctx, keyOf(l), deed{Action: consent.Decline{Site: l.Site, Evidence: s.stamp(e)}})
	if d.changed {
		s.declined(ctx, l.Site)
	}
	return s.held(ctx, l, d, err)
}

// Lift lets letters come again after Decline.
func (s *Service) Unblock(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, err := s.read(ctx, signed, token.UseConfirm, token.UseDecline, token.UseUnblock)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, consent.Unblock{Evidence: s.stamp(e)})
}

// Renew asks for a new letter to the address of an expired link. It answers nil also where the limits on letters to one address allow
// none now; a *LimitError.
func (s *Service) Renew(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, err := s.read(ctx, signed, token.UseConfirm)
	if err != nil {
		return View{}, err
	}
	d, err := s.spend(ctx, keyOf(l), s.nonce(16), consent.Renew{
		Request: l.Request, ID: s.nonce(24), Evidence: s.stamp(e), Terms: s.sites[l.Site].Terms,
	})
	return s.held(ctx, l, d, err)
}

// Agreements shows what an address agreed to at a site, and changes nothing.
func (s *Service) Agreements(ctx context.Context, signed string) (View, error) {
	l, err := s.read(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	sub, err := s.get(ctx, keyOf(l))
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, l, sub, nil)
}

// Withdraw takes back the named purposes, or all if none is named.
func (s *Service) Withdraw(ctx context.Context, signed string, purposes []string, e consent.Evidence) (View, error) {
	l, err := s.read(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, consent.Withdraw{Purposes: purposes, Evidence: s.stamp(e)})
}

// read reads a link of a site that is still configured, and follows it to where its subscription was moved in a rotation of secrets.
func (s *Service) read(ctx context.Context, signed string, uses ...token.Use) (token.Link, error) {
	l, err := s.links.Parse(signed, uses...)
	if _, ok := s.sites[l.Site]; err == nil && !ok {
		err = token.ErrUnknown
	}
	if err != nil {
		return l, err
	}
	key, err := s.follow(ctx, keyOf(l))
	l.ID = key.ID
	return l, err
}

// follow is the key under which a subscription is now, that may have been moved in a rotation of secrets.
func (s *Service) follow(ctx context.Context, key store.Key) (store.Key, error) {
	if s.Keyring.Len() == 1 {
		return key, nil
	}
	sub, err := s.get(ctx, key)
	if err == nil && sub.MovedTo != "" {
		key.ID = sub.MovedTo
	}
	return key, err
}

// keyOf is the key of the record that a link leads to.
func keyOf(l token.Link) store.Key { return store.Key{Site: l.Site, ID: l.ID} }

// hold carries out an act of a link's holder.
func (s *Service) hold(ctx context.Context, l token.Link, a consent.Action) (View, error) {
	d, err := s.act(ctx, keyOf(l), deed{Action: a})
	return s.held(ctx, l, d, err)
}

// held shows what became of an act of a link's holder.
func (s *Service) held(ctx context.Context, l token.Link, d done, err error) (View, error) {
	if err != nil && told(err) == nil {
		return View{}, err
	}
	return s.view(ctx, l, d.after, told(err))
}

// view fills a View beside what is to be told.
func (s *Service) view(ctx context.Context, l token.Link, sub consent.Subscription, told error) (View, error) {
	now := s.Now()
	if errors.Is(told, consent.ErrGone) {
		if now.Before(l.Until) {
			return View{}, token.ErrUnknown // erased, or never known here
		}
		told = consent.ErrExpired
	}
	v := View{Use: l.Use, Site: l.Site, Locale: sub.Locale, Address: sub.Address, Declined: sub.Declined != nil}
	if l.Use == token.UseUnsubscribe {
		v.State, v.Purposes = sub.State(now), sub.Purposes(now)
		v.Purposes = slices.DeleteFunc(v.Purposes, func(p consent.PurposeStatus) bool { return sub.Consent(p.ID) == nil })
	}
	if r := sub.Request(l.Request); r != nil {
		v.Locale, v.State, v.Asked, v.Deadline, v.Browser = r.Locale, r.State, r.Asked.At, r.Deadline, r.Browser
		v.Renewable = errors.Is(told, consent.ErrExpired)
		if sub.FullyConfirmed(r) {
			v.State = consent.Confirmed
		}
		for _, sh := range r.Statements {
			v.Purposes = append(v.Purposes, sub.Purpose(sh.Purpose, now))
		}
	}
	until := l.Until
	v.Decline = s.links.Token(token.Link{Use: token.UseDecline, Site: l.Site, ID: l.ID, Request: l.Request, Until: until})
	v.Unblock = s.links.Token(token.Link{Use: token.UseUnblock, Site: l.Site, ID: l.ID, Request: l.Request, Until: until})
	if sub.HasConsent() {
		v.Unsubscribe = s.links.URL(s.unsubscribe(&sub, l.ID))
	}
	if err := s.word(ctx, v.Purposes); err != nil {
		return View{}, err
	}
	return v, told
}

// stamp gives an act its time and keeps what came from outside within bounds.
func (s *Service) stamp(e consent.Evidence) consent.Evidence {
	e.At = s.Now().UTC().Truncate(time.Millisecond)
	e.UserAgent, e.Origin = clip(e.UserAgent, 256), clip(e.Origin, 256)
	e.Source, e.Reply = clip(e.Source, 512), clip(e.Reply, 512)
	if a := e.Attested; a != nil {
		e.Attested = &consent.Attested{IP: clip(a.IP, 64), UserAgent: clip(a.UserAgent, 256), Page: clip(a.Page, 512), At: a.At.UTC().Truncate(time.Millisecond)}
	}
	return e
}
