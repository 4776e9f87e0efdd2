package confirm

import (
	"context"
	"errors"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// ClaimRight mails a link by which the person may use a right, since the link that withdraws, which asks for it here,
// gets forwarded. What it returns does not depend on whether an email is due: to a person who wants none, or who got as
// many as the limits allow, none is. *ratelimit.Exceeded if the site, or the service, has no email left.
func (p *Person) ClaimRight(
	ctx context.Context, signed string, right consent.Right, e consent.Evidence,
) (View, error) {
	l, err := p.parse(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	claim := consent.ClaimRight{
		ID: p.nonce(requestBytes), Right: right, Evidence: p.stamp(e), Terms: p.sites[l.Site].Terms,
	}
	res, err := p.apply(ctx, keyOf(l), claim, p.emailOf(keyOf(l), claim.ID))
	v, err := p.after(ctx, l, res, err)
	v.Trace = p.traceBegun(l.Site, claim.ID)
	return v, err
}

// Right shows what the link of a right is for, and changes nothing. View.Use says which right, and View.Address is zero
// of a person who is erased already.
func (p *Person) Right(ctx context.Context, signed string) (View, error) {
	l, sub, err := p.behind(ctx, signed, token.UseCopy, token.UseErase)
	if err != nil {
		return View{}, err
	}
	v := View{
		Use: l.Use, Site: l.Site, ID: l.ID, Locale: sub.Locale, Address: sub.Address,
		Trace: p.trace(l.Site, l.RequestID),
	}
	if l.Use == token.UseErase && sub.Address.IsZero() && p.Now().Before(l.Until) {
		return v, nil
	}
	right, err := sub.Claims.Right(l.RequestID, p.Now())
	switch {
	case errors.Is(err, consent.ErrUnknownRequest):
		if p.Now().Before(l.Until) {
			return View{}, token.ErrUnknown
		}
		return v, consent.ErrExpired
	case err != nil:
		return v, err
	case right != rightOf(l.Use):
		return View{}, token.ErrUnknown
	}
	return v, nil
}

// TakeCopy notes that the holder of a right's link takes the copy of their data, and returns the subscription that it
// is of.
func (p *Person) TakeCopy(ctx context.Context, signed string, e consent.Evidence) (View, store.Key, error) {
	v, err := p.Right(ctx, signed)
	if err != nil {
		return v, store.Key{}, err
	}
	l, err := p.parse(ctx, signed, token.UseCopy)
	if err != nil {
		return View{}, store.Key{}, err
	}
	_, err = p.apply(ctx, keyOf(l), consent.TakeCopy{ClaimID: l.RequestID, Evidence: p.stamp(e)}, extra{})
	return v, keyOf(l), err
}

// Erase erases the holder of a right's link: their data, but not that they declined, objected or withdrew. The website
// is told.
func (p *Person) Erase(ctx context.Context, signed string) (View, error) {
	v, err := p.Right(ctx, signed)
	if err != nil {
		return v, err
	}
	l, sub, err := p.behind(ctx, signed, token.UseErase)
	if err != nil {
		return View{}, err
	}
	if sub.Address.IsZero() { // the link was used before
		return v, p.eraseAgain(ctx, keyOf(l), &sub)
	}
	erase, err := p.erasure(ctx, keyOf(l), &sub)
	if err != nil {
		return View{}, err
	}
	return v, p.erase(ctx, keyOf(l), sub.Address, consent.EraseClaimed{ClaimID: l.RequestID, Erase: erase})
}

// given returns how each purpose was last agreed to.
func given(sub *consent.Subscription) map[string]Given {
	all := map[string]Given{}
	for _, c := range sub.Consents { // oldest first
		g := Given{Confirmed: c.Given}
		if r := sub.Requests.Find(c.RequestID); r != nil {
			g.Asked, g.Source, g.AskedIP = r.Asked.At, r.Asked.Source, consent.CutIP(r.Asked.PersonIP())
			if r.Closed != nil {
				g.ConfirmedIP = consent.CutIP(r.Closed.IP)
			}
		}
		all[c.Purpose] = g
	}
	return all
}

// rightOf returns the right that a link is for.
func rightOf(use token.Use) consent.Right {
	if use == token.UseErase {
		return consent.RightErase
	}
	return consent.RightCopy
}
