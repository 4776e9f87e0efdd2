package confirm

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// View is what the page behind a link shows. It is filled as far as things are known also beside ErrExpired, ErrDeclined and ErrWithdrawn;
// beside ErrUnknownLink it is empty.
type View struct {
	Use         Use
	Site        string
	Locale      string
	Address     Address
	State       State           // of the link's request; of UseUnsubscribe: of the subscription
	Purposes    []PurposeStatus // of the link's request, where they stand now; of UseUnsubscribe: all
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
func (s *Service) View(ctx context.Context, token string) (View, error) {
	l, err := s.read(ctx, token, UseConfirm, UseDecline, UseUnblock)
	if err != nil {
		return View{}, err
	}
	sub, err := s.get(ctx, l.key())
	if err != nil {
		return View{}, err
	}
	if l.Use == UseConfirm {
		_, err = sub.pressable(l.Request, s.Now())
	} else if sub.Declined != nil {
		err = ErrDeclined
	}
	return s.view(ctx, l, sub, err)
}

// Confirm presses the button behind a confirm link. Pressing again answers the same.
func (s *Service) Confirm(ctx context.Context, token string, e Evidence) (View, error) {
	l, err := s.read(ctx, token, UseConfirm)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, Confirm{Request: l.Request, Evidence: s.stamp(e)})
}

// Decline says "this was not me". The confirm link, which has all the power of the mailbox, may do it too.
func (s *Service) Decline(ctx context.Context, token string, e Evidence) (View, error) {
	l, err := s.read(ctx, token, UseConfirm, UseDecline)
	if err != nil {
		return View{}, err
	}
	d, err := s.act(ctx, l.key(), deed{Action: Decline{Site: l.Site, Evidence: s.stamp(e)}})
	if d.changed {
		s.declined(ctx, l.Site)
	}
	return s.held(ctx, l, d, err)
}

// Lift lets letters come again after Decline.
func (s *Service) Unblock(ctx context.Context, token string, e Evidence) (View, error) {
	l, err := s.read(ctx, token, UseConfirm, UseDecline, UseUnblock)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, Unblock{Evidence: s.stamp(e)})
}

// Renew asks for a new letter to the address of an expired link. It answers nil also where the limits on letters to one address allow
// none now; a *LimitError.
func (s *Service) Renew(ctx context.Context, token string, e Evidence) (View, error) {
	l, err := s.read(ctx, token, UseConfirm)
	if err != nil {
		return View{}, err
	}
	d, err := s.spend(ctx, l.key(), s.nonce(16), Renew{
		Request: l.Request, ID: s.nonce(24), Evidence: s.stamp(e), Terms: s.sites[l.Site].Terms,
	})
	return s.held(ctx, l, d, err)
}

// Agreements shows what an address agreed to at a site, and changes nothing.
func (s *Service) Agreements(ctx context.Context, token string) (View, error) {
	l, err := s.read(ctx, token, UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	sub, err := s.get(ctx, l.key())
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, l, sub, nil)
}

// Withdraw takes back the named purposes, or all if none is named.
func (s *Service) Withdraw(ctx context.Context, token string, purposes []string, e Evidence) (View, error) {
	l, err := s.read(ctx, token, UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	return s.hold(ctx, l, Withdraw{Purposes: purposes, Evidence: s.stamp(e)})
}

// read reads a link of a site that is still configured, and follows it to where its subscription was moved in a rotation of secrets.
func (s *Service) read(ctx context.Context, token string, uses ...Use) (Link, error) {
	l, err := s.links.read(token, uses...)
	if _, ok := s.sites[l.Site]; err == nil && !ok {
		err = ErrUnknownLink
	}
	if err != nil {
		return l, err
	}
	key, err := s.follow(ctx, l.key())
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

func (l Link) key() store.Key { return store.Key{Site: l.Site, ID: l.ID} }

// hold carries out an act of a link's holder.
func (s *Service) hold(ctx context.Context, l Link, a Action) (View, error) {
	d, err := s.act(ctx, l.key(), deed{Action: a})
	return s.held(ctx, l, d, err)
}

// held shows what became of an act of a link's holder.
func (s *Service) held(ctx context.Context, l Link, d done, err error) (View, error) {
	if err != nil && told(err) == nil {
		return View{}, err
	}
	return s.view(ctx, l, d.after, told(err))
}

// view fills a View beside what is to be told.
func (s *Service) view(ctx context.Context, l Link, sub Subscription, told error) (View, error) {
	now := s.Now()
	if errors.Is(told, ErrGone) {
		if now.Before(l.Until) {
			return View{}, ErrUnknownLink // erased, or never known here
		}
		told = ErrExpired
	}
	v := View{Use: l.Use, Site: l.Site, Locale: sub.Locale, Address: sub.Address, Declined: sub.Declined != nil}
	if l.Use == UseUnsubscribe {
		v.State, v.Purposes = sub.State(now), sub.Purposes(now)
		v.Purposes = slices.DeleteFunc(v.Purposes, func(p PurposeStatus) bool { return sub.grant(p.ID) == nil })
	}
	if r := sub.request(l.Request); r != nil {
		v.Locale, v.State, v.Asked, v.Deadline, v.Browser = r.Locale, r.State, r.Asked.At, r.Deadline, r.Browser
		v.Renewable = errors.Is(told, ErrExpired)
		if sub.covered(r) {
			v.State = Confirmed
		}
		for _, sh := range r.Statements {
			v.Purposes = append(v.Purposes, sub.purpose(sh.Purpose, now))
		}
	}
	until := l.Until
	v.Decline = s.links.token(Link{Use: UseDecline, Site: l.Site, ID: l.ID, Request: l.Request, Until: until})
	v.Unblock = s.links.token(Link{Use: UseUnblock, Site: l.Site, ID: l.ID, Request: l.Request, Until: until})
	if sub.granted() {
		v.Unsubscribe = s.links.url(s.unsubscribe(&sub, l.ID))
	}
	if err := s.word(ctx, v.Purposes); err != nil {
		return View{}, err
	}
	return v, told
}

// stamp gives an act its time and keeps what came from outside within bounds.
func (s *Service) stamp(e Evidence) Evidence {
	e.At = s.Now().UTC().Truncate(time.Millisecond)
	e.UserAgent, e.Origin = clip(e.UserAgent, 256), clip(e.Origin, 256)
	e.Source, e.Reply = clip(e.Source, 512), clip(e.Reply, 512)
	if a := e.Attested; a != nil {
		e.Attested = &Attested{IP: clip(a.IP, 64), UserAgent: clip(a.UserAgent, 256), Page: clip(a.Page, 512), At: a.At.UTC().Truncate(time.Millisecond)}
	}
	return e
}
