package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// ErrLost means that a link is one of ours, and that what it led to was in a store that lost its data since.
var ErrLost = errors.New("confirm: what this link led to was lost")

// ErrPurpose means that a purpose is not one of the site's, or that none was named.
var ErrPurpose = errors.New("confirm: not a purpose of this site")

// Person is what people do: sign up with a form, and use the links that only their mailbox has.
type Person struct{ mailboxes }

// Signup is a signup as the web read it.
type Signup struct {
	Address  address.Address
	Purposes []string // of the site; at least one
	Locale   string   // one of the site's
	Browser  string   // the cookie of a browser that posted our own form; empty otherwise
	Evidence consent.Evidence
	Shown    map[string]string // by purpose: the words that the website says it showed
	Quotas   []ratelimit.Quota // from which it takes, beside those of emails
	// IdempotencyID, if not empty, makes the same signup again the same request while that is known: it identifies what
	// is asked and who asks, as one Idempotency-Key and one body do.
	IdempotencyID string
	// Located is told which subscription the signup is of, and its trace. That is for the log and traces alone; nil:
	// nobody is told.
	Located func(store.Key, Trace)
}

// SignUp takes a signup. Nothing that it does or returns depends on what is known of the address. ErrPurpose for what
// the site does not offer; *ratelimit.Exceeded if a quota, the site, or the service has no room.
func (p *Person) SignUp(ctx context.Context, site string, s Signup) error {
	st, ok := p.sites[site]
	if !ok || len(s.Purposes) == 0 {
		return fmt.Errorf("%w: site %q, %d purposes", ErrPurpose, site, len(s.Purposes))
	}
	signup := consent.Signup{
		ID: p.requestID(site, s.IdempotencyID), Address: s.Address, Site: site, Locale: s.Locale,
		Evidence: p.stamp(s.Evidence), Browser: BrowserHash(s.Browser), Terms: st.Terms,
	}
	for _, id := range st.inOrder(s.Purposes) {
		asked, err := p.statements.of(ctx, site, id, s.Locale)
		if err != nil {
			return err
		}
		purpose, _ := st.Purpose(id)
		if shown := s.Shown[id]; shown != "" && !purpose.SameWords(s.Locale, shown) {
			asked.Shown = clip(shown, maxShown)
		}
		signup.Statements = append(signup.Statements, asked)
	}
	key, err := p.locate(ctx, site, s.Address)
	if err != nil {
		return err
	}
	if s.Located != nil {
		s.Located(key, p.traceBegun(site, signup.ID))
	}
	_, err = p.apply(ctx, key, signup, p.emailOf(key, signup.ID, s.Quotas...))
	return err
}

// maxShown is how many bytes are kept of the words that a website says it showed.
const maxShown = 2048

// requestBytes is the size of a request's id. It tells the requests of one address apart; that nobody can guess a link
// is due to its signature.
const requestBytes = 12

// requestID returns a fresh nonce, or the keyed hash of what makes the request the same again.
func (p *Person) requestID(site, idempotencyID string) string {
	if idempotencyID == "" {
		return p.nonce(requestBytes)
	}
	return base64.RawURLEncoding.EncodeToString(p.Keyring.MACs("request id", site, idempotencyID)[0][:requestBytes])
}

// BrowserHash is what a request remembers of a browser's cookie; empty for none.
func BrowserHash(cookie string) string {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// View is what the page behind a link shows. With ErrExpired, ErrDeclined and ErrWithdrawn it still holds
// what is known; with ErrLost it has the site, and with token.ErrUnknown it is empty.
type View struct {
	Use         token.Use
	Site        string
	ID          string // of the subscription, that begins the Message-ID of its emails; empty with ErrLost
	Locale      string
	Address     address.Address
	Agreed      time.Time               // of a link's request that asks to renew a consent: when that was given
	State       consent.State           // of the link's request; of UseUnsubscribe: of the subscription
	Purposes    []consent.PurposeStatus // of the link's request, where they stand now; of UseUnsubscribe: all
	Asked       time.Time
	Deadline    time.Time
	Browser     string // BrowserHash of the browser that signed up on our own form
	Renewable   bool   // beside ErrExpired
	Declined    bool   // emails are declined
	Decline     string // token for the page's own buttons
	Unblock     string
	Unsubscribe string // URL
	Receipt     string // URL; empty: none was made
	Trace       Trace  // of the link's request, or of what the link's holder asked for just now
	// Of UseUnsubscribe, by purpose: how it was last agreed to.
	Given map[string]Given
}

// Given is how something was agreed to, as far as who holds a link that may have been forwarded is to see.
type Given struct {
	Asked       time.Time
	Source      string // the page that the website named
	AskedIP     string // its network alone
	Confirmed   time.Time
	ConfirmedIP string
}

// FindLink finds the token of a genuine link for one of the uses in a text that mail programs have damaged, or returns
// token.ErrUnknown.
func (p *Person) FindLink(text string, uses ...token.Use) (string, error) {
	return p.links.Find(text, uses...)
}

// View shows what is behind a link of an email or page, and changes nothing.
func (p *Person) View(ctx context.Context, signed string) (View, error) {
	l, sub, err := p.behind(ctx, signed, token.UseConfirm, token.UseDecline, token.UseUnblock)
	if err != nil {
		return View{}, err
	}
	if l.Use == token.UseConfirm {
		_, err = sub.Confirmable(l.RequestID, p.Now(), p.revisions.of[l.Site])
	} else if sub.Refused() != nil {
		err = consent.ErrDeclined
	}
	return p.view(ctx, l, sub, err)
}

// Confirm confirms what a link's request asked for or, of that, only the named purposes; consent.ErrNotAsked for any
// other. Doing it again returns the same.
func (p *Person) Confirm(ctx context.Context, signed string, purposes []string, e consent.Evidence) (View, error) {
	l, err := p.parse(ctx, signed, token.UseConfirm)
	if err != nil {
		return View{}, err
	}
	if err := p.receipts.keepFrame(ctx, l.Site); err != nil {
		return View{}, err
	}
	confirm := consent.Confirm{
		RequestID: l.RequestID, Purposes: purposes, Revisions: p.revisions.of[l.Site], Evidence: p.stamp(e),
		Validity: p.sites[l.Site].Terms.Validity,
	}
	for range maxPurposes {
		v, err := p.act(ctx, l, confirm)
		var unread errUnknownStatement
		if !errors.As(err, &unread) {
			if err == nil {
				_, err = p.know(ctx, l.Site, v.Address, l.ID, time.Time{})
			}
			return v, err
		}
		// The record was found: a missing statement, of a purpose that is put differently by now, is not ErrNotFound.
		if _, err := p.statements.document(ctx, string(unread)); err != nil {
			return View{}, fmt.Errorf("confirm: the store lost a statement: %v", err) //nolint:errorlint // see above
		}
	}
	return View{}, errors.New("confirm: a request with too many statements")
}

// maxPurposes is how many statements a receipt has to be read for, at most.
const maxPurposes = 256

// Decline says "this was not me", for the mailbox in every spelling. The confirm link, which has all the power of the
// mailbox, may do it too. To decline to renew a consent withdraws it, and no more: View.Agreed is not zero then.
func (p *Person) Decline(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, sub, err := p.behind(ctx, signed, token.UseConfirm, token.UseDecline)
	if err != nil {
		return View{}, err
	}
	if r := sub.Requests.Find(l.RequestID); r != nil && r.IsRenewal() && sub.Refused() == nil {
		return p.act(ctx, l, consent.Withdraw{Purposes: r.Purposes(), Evidence: p.stamp(e)})
	}
	decline := consent.Decline{Site: l.Site, Evidence: p.stamp(e)}
	if decline.Mailbox, err = p.decline(ctx, keyOf(l), sub.Address, decline.Evidence); err != nil {
		return View{}, err
	}
	res, err := p.apply(ctx, keyOf(l), decline, extra{})
	if res.changed && p.Surge != nil {
		p.Surge.Declined(ctx, l.Site)
	}
	return p.after(ctx, l, res, err)
}

// Unblock lets emails come again after Decline, or after an objection, in every spelling.
func (p *Person) Unblock(ctx context.Context, signed string, e consent.Evidence) (View, error) {
	l, sub, err := p.behind(ctx, signed, token.UseConfirm, token.UseDecline, token.UseUnblock)
	if err != nil {
		return View{}, err
	}
	unblock := consent.Unblock{Evidence: p.stamp(e)}
	if err := p.unblock(ctx, keyOf(l), sub.Address, sub, unblock.Evidence); err != nil {
		return View{}, err
	}
	return p.act(ctx, l, unblock)
}

// Renew asks for a new email to the address of an expired link. It returns nil also where the limits on emails to one
// address allow none now; *ratelimit.Exceeded as SignUp does. What it takes of the emails of the site and of the
// service, and of the quotas that client returns for the link's site, it takes in any case, so that they say nothing of
// what became of it. client may be nil.
func (p *Person) Renew(
	ctx context.Context, signed string, client func(site string) []ratelimit.Quota, e consent.Evidence,
) (View, error) {
	l, err := p.parse(ctx, signed, token.UseConfirm)
	if err != nil {
		return View{}, err
	}
	var quotas []ratelimit.Quota
	if client != nil {
		quotas = client(l.Site)
	}
	renew := consent.Renew{
		RequestID: l.RequestID, ID: p.nonce(requestBytes), Evidence: p.stamp(e), Terms: p.sites[l.Site].Terms,
		Revisions: p.revisions.of[l.Site],
	}
	takes := p.emailOf(keyOf(l), renew.ID, quotas...)
	if err := p.limits.Acquire(ctx, takes.taker, takes.quotas...); err != nil {
		return View{}, err
	}
	sub, err := p.get(ctx, keyOf(l))
	if err != nil {
		return View{}, err
	}
	if r := sub.Requests.Find(l.RequestID); r != nil {
		if renew.Statements, err = p.statementsNow(ctx, l.Site, r.Locale, r.Statements); err != nil {
			return View{}, err
		}
	}
	res, err := p.apply(ctx, keyOf(l), renew, extra{})
	v, err := p.after(ctx, l, res, err)
	v.Trace = p.traceBegun(l.Site, renew.ID)
	return v, err
}

// statementsNow returns what is put to people now about the purposes of some statements that the site still has.
func (r *records) statementsNow(
	ctx context.Context, site, locale string, of []consent.Statement,
) (all []consent.Statement, err error) {
	all = []consent.Statement{}
	for _, old := range of {
		st, err := r.statements.of(ctx, site, old.Purpose, locale)
		switch {
		case err == nil:
			all = append(all, st)
		case !errors.Is(err, ErrPurpose):
			return nil, err
		}
	}
	return all, nil
}

// Consents shows what an address agreed to at a site, and changes nothing.
func (p *Person) Consents(ctx context.Context, signed string) (View, error) {
	l, sub, err := p.behind(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	return p.view(ctx, l, sub, nil)
}

// Withdraw withdraws the consents to the named purposes, or all if none is named.
func (p *Person) Withdraw(ctx context.Context, signed string, purposes []string, e consent.Evidence) (View, error) {
	l, err := p.parse(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return View{}, err
	}
	return p.act(ctx, l, consent.Withdraw{Purposes: purposes, Evidence: p.stamp(e)})
}

// parse reads a link of a site that is still configured, and follows it to where its subscription moved in a rotation
// of secrets.
func (p *Person) parse(ctx context.Context, signed string, uses ...token.Use) (token.Link, error) {
	l, err := p.links.Parse(signed, uses...)
	if err != nil {
		return l, err
	}
	key, err := p.follow(ctx, keyOf(l))
	l.ID = key.ID
	return l, err
}

// behind is parse, and returns the subscription that the link leads to as well.
func (p *Person) behind(
	ctx context.Context, signed string, uses ...token.Use,
) (l token.Link, sub consent.Subscription, err error) {
	if l, err = p.parse(ctx, signed, uses...); err == nil {
		sub, err = p.get(ctx, keyOf(l))
	}
	return l, sub, err
}

// keyOf returns the key of the record that a link leads to.
func keyOf(l token.Link) store.Key { return store.Key{Site: l.Site, ID: l.ID} }

// act applies an action of a link's holder.
func (p *Person) act(ctx context.Context, l token.Link, a consent.Action) (View, error) {
	res, err := p.apply(ctx, keyOf(l), a, extra{})
	return p.after(ctx, l, res, err)
}

// after shows what became of an action of a link's holder.
func (p *Person) after(ctx context.Context, l token.Link, res result, err error) (View, error) {
	shown := errorOfRule(err)
	if err != nil && shown == nil {
		return View{}, err
	}
	return p.view(ctx, l, res.after, shown)
}

// errorOfRule returns the error of a rule that a link's holder is shown, or nil for any other.
func errorOfRule(err error) error {
	shown := []error{
		consent.ErrUnknownRequest, consent.ErrExpired, consent.ErrDeclined, consent.ErrWithdrawn,
	}
	for _, e := range shown {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}

// view fills a View beside the error that is shown.
func (p *Person) view(ctx context.Context, l token.Link, sub consent.Subscription, shown error) (View, error) {
	now := p.Now()
	if errors.Is(shown, consent.ErrUnknownRequest) {
		// A link knows its end to the day, and is mailed a TTL before it ends, or when a consent is to be renewed.
		terms := p.sites[l.Site].Terms
		if l.Until.Add(-24 * time.Hour).Add(-max(terms.TTL, terms.Validity.RenewBefore)).Before(p.LostBefore()) {
			return View{Use: l.Use, Site: l.Site}, ErrLost
		}
		if now.Before(l.Until) {
			return View{}, token.ErrUnknown // erased, or never known here
		}
		shown = consent.ErrExpired
	}
	v := View{
		Use: l.Use, Site: l.Site, ID: l.ID, Locale: sub.Locale, Address: sub.Address, Declined: sub.Refused() != nil,
		Trace: p.traceOf(l.Site, &sub, l.RequestID),
	}
	if l.Use == token.UseUnsubscribe {
		v.State, v.Purposes = sub.State(now), sub.Purposes(now)
		neverConfirmed := func(p consent.PurposeStatus) bool { return sub.Consents.Latest(p.ID) == nil }
		v.Purposes = slices.DeleteFunc(v.Purposes, neverConfirmed)
		v.Given = given(&sub)
	}
	if r := sub.Requests.Find(l.RequestID); r != nil {
		v.Locale, v.State, v.Asked, v.Deadline, v.Browser = r.Locale, r.State, r.Asked.At, r.Deadline, r.Browser
		v.Address, v.Agreed = r.Address, r.Agreed
		v.Renewable = errors.Is(shown, consent.ErrExpired)
		if sub.Consents.Cover(r) && !(r.IsRenewal() && r.IsOpen(now)) {
			v.State = consent.Confirmed
		}
		for _, st := range r.Statements {
			v.Purposes = append(v.Purposes, sub.Purpose(st.Purpose, now))
		}
	}
	link := token.Link{Site: l.Site, ID: l.ID, RequestID: l.RequestID, Until: l.Until}
	link.Use = token.UseDecline
	v.Decline = p.links.Token(link)
	link.Use = token.UseUnblock
	v.Unblock = p.links.Token(link)
	if sub.Consents.Any() {
		v.Unsubscribe = p.unsubscribeLink(&sub, l.ID)
	}
	if sub.Requests.WithReceipt("") != nil {
		v.Receipt = p.unsubscribeLink(&sub, l.ID) + "/receipt"
	}
	fill := p.statements.fill
	if l.Use == token.UseUnsubscribe { // a consent can be taken back without its words
		fill = p.statements.fillKnown
	}
	if err := fill(ctx, v.Purposes); err != nil {
		return View{}, err
	}
	return v, shown
}
