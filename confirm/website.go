package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/store"
)

// MaxLookup is how many addresses one AskAll takes.
const MaxLookup = 1000

// concurrentLookups is how many addresses of an AskAll are looked up at once.
const concurrentLookups = 16

// Website is what a website's servers ask and do. Methods that take the id of a subscription return store.ErrNotFound
// where nothing is known under it.
type Website struct{ mailboxes }

// Question is what a website asks about an address.
type Question struct {
	At  time.Time // a past time; zero: now
	For string    // a purpose: may emails for it be sent? Empty: that is not asked
	Use bool      // they are sent now, if they may be; with For, and without At
}

// Lookup returns what is known of an address at a site; store.ErrNotFound if nothing is. Status.Also has what is known
// of the same mailbox in other spellings, also beside ErrNotFound.
func (w *Website) Lookup(ctx context.Context, site string, a address.Address) (consent.Status, error) {
	return w.Ask(ctx, site, a, Question{})
}

// Ask is Lookup with a question. What is said of a past time is read from the evidence of each action; Status.Complete
// says whether all of what ended before then is still known. Nothing is known of erased people, or of records that have
// expired. Status.Permission has the answer to Question.For, also beside store.ErrNotFound.
func (w *Website) Ask(
	ctx context.Context, site string, a address.Address, q Question,
) (consent.Status, error) {
	key, err := w.locate(ctx, site, a)
	if err != nil {
		return consent.Status{}, err
	}
	rec, m, err := w.findMailbox(ctx, key, a, q.At)
	if err != nil {
		return consent.Status{}, err
	}
	st, err := consent.Status{}, store.ErrNotFound
	if rec.Exists() {
		st, err = w.status(ctx, rec, q.At)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return consent.Status{}, err
	}
	if err == nil && st.Email == "" {
		st.Email = a.String()
	}
	st.Also = w.also(ctx, m.others)
	if q.For != "" {
		var failed error
		if st.Permission, failed = w.permission(ctx, rec, m, q); failed != nil {
			return consent.Status{}, failed
		}
	}
	return st, err
}

// permission returns whether emails for a purpose may be sent, and why not, and notes the use.
func (w *Website) permission(
	ctx context.Context, rec store.Record, m mailbox, q Question,
) (*consent.Permission, error) {
	sub, err := w.open(ctx, rec)
	if err != nil {
		return nil, err
	}
	now := w.Now()
	if !q.At.IsZero() {
		now = q.At
		sub, _ = sub.AsOf(q.At)
	}
	p := sub.Allows(q.For, m.Mailbox, now)
	if q.Use && p.Allowed && !sub.Consents.Used(q.For, now) {
		_, err = w.apply(ctx, rec.Key, consent.Use{Purpose: q.For}, extra{})
	}
	return &p, err
}

// findMailbox returns the record of an address and, now, what is known of its mailbox.
func (w *Website) findMailbox(
	ctx context.Context, key store.Key, a address.Address, at time.Time,
) (rec store.Record, m mailbox, err error) {
	if !at.IsZero() {
		found, err := w.Store.FindAll(ctx, key)
		if err != nil {
			return rec, m, err
		}
		return found[0], m, nil
	}
	keys := append(w.sealer.mailboxKeys(key.Site, a), key)
	n := len(keys)
	found, err := w.Store.FindAll(ctx, append(keys, w.plainKeys(key, a)...)...)
	if err != nil {
		return rec, m, err
	}
	m = mailbox{records: found[:n-1], others: found[n:]}
	// What the mailbox says of the subscription stands in that one, too.
	if m.Mailbox, err = w.openMailbox(ctx, m.records); err != nil && !errors.Is(err, ErrUnreadable) {
		return rec, m, err
	}
	err = w.readSpellings(ctx, key, &m)
	return found[n-1], m, err
}

// AskAll is Ask for many addresses, in their order. If nothing is known of an address, its Status has no ID, and at
// most Also and Permission. One that does not open has its id, its site and the state consent.Unreadable.
func (w *Website) AskAll(
	ctx context.Context, site string, all []address.Address, q Question,
) ([]consent.Status, error) {
	found := make([]consent.Status, len(all))
	if len(all) == 1 { // by the caller: a goroutine's stack would grow again each time
		return found, w.askInto(ctx, &found[0], site, all[0], q)
	}
	var (
		next   atomic.Int64
		once   sync.Once
		failed error
		asking sync.WaitGroup
	)
	for range min(concurrentLookups, len(all)) {
		asking.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				if err := w.askInto(ctx, &found[i], site, all[i], q); err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(len(all))) // nobody begins another
				}
			}
		})
	}
	asking.Wait()
	return found, failed
}

// askInto is Ask as AskAll does it.
func (w *Website) askInto(
	ctx context.Context, found *consent.Status, site string, a address.Address, q Question,
) (err error) {
	*found, err = w.Ask(ctx, site, a, q)
	if bad, is := unreadable(err); is {
		*found, err = bad, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return err
}

// ByID returns one subscription.
func (w *Website) ByID(ctx context.Context, site, id string) (consent.Status, error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return consent.Status{}, err
	}
	return w.status(ctx, rec, time.Time{})
}

// Subscription returns all that is known of one address: its history with the evidence of each action.
func (w *Website) Subscription(ctx context.Context, site, id string) (consent.Subscription, error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return consent.Subscription{}, err
	}
	return w.open(ctx, rec)
}

// Timeline returns everything that is known to have happened, oldest first.
func (w *Website) Timeline(ctx context.Context, site, id string) ([]consent.Step, error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return nil, err
	}
	sub, err := w.open(ctx, rec)
	if err != nil {
		return nil, err
	}
	steps := sub.Timeline(func(request string, n int) string { return messageID(rec.Key, request, n) })
	for i := range steps {
		if err := w.nameEmail(ctx, steps[i].Email); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// nameEmail sets the Message-ID of an email that a relay took. Without its skeleton, which the store has lost then, it
// has only its left side.
func (w *Website) nameEmail(ctx context.Context, e *consent.StepEmail) error {
	if e == nil || e.Skeleton == "" {
		return nil
	}
	text, err := w.Store.Text(ctx, e.Skeleton)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := skeleton.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	e.MessageID = s.MessageID(e.ID)
	return nil
}

// NotDueSite is why no email is due where Resend returns *ratelimit.Exceeded, for who says it in one word.
const NotDueSite consent.NotDue = "site_limit"

// Resend makes the email of the latest open request due again, and reports whether it is, or why not: the person
// declined or has nothing open, or the limits on emails to one address allow none now. It returns *ratelimit.Exceeded
// if the site, or the service, has no email left.
func (w *Website) Resend(ctx context.Context, site, id string) (due bool, why consent.NotDue, err error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return false, "", err
	}
	resend := consent.Resend{Terms: w.sites[site].Terms}
	res, err := w.apply(ctx, rec.Key, resend, w.emailOf(rec.Key, w.nonce(requestBytes)))
	if err == nil && !res.email {
		why = res.after.WhyNotDue(w.Now())
	}
	return res.email, why, err
}

// Withdraw withdraws the consents to the named purposes, or all if none is named, as the person asked the website to.
// Of another channel than e-mail it is only noted.
func (w *Website) Withdraw(
	ctx context.Context, site, id string, purposes []string, e consent.Evidence,
) (consent.Status, error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return consent.Status{}, err
	}
	e.How = consent.ByServer
	withdraw := consent.Withdraw{Purposes: purposes, Evidence: w.stamp(e)}
	if _, err := w.apply(ctx, rec.Key, withdraw, extra{}); err != nil {
		return consent.Status{}, err
	}
	return w.ByID(ctx, site, id)
}

// Object keeps that a person, known or not, wants no more of some purposes, or of all if none is named, by the channel
// of the evidence. It holds for the mailbox in every spelling.
func (w *Website) Object(
	ctx context.Context, site string, a address.Address, purposes []string, e consent.Evidence,
) error {
	key, err := w.locate(ctx, site, a)
	if err != nil {
		return err
	}
	e.How = consent.ByServer
	object := consent.Object{Site: site, Purposes: purposes, Evidence: w.stamp(e)}
	noted := consent.Objection{Evidence: object.Evidence, Purposes: purposes}
	object.Mailbox, err = w.refuse(ctx, key, a, func(m *consent.Mailbox) { m.Object(noted) },
		func(id string) consent.Action {
			others := object
			others.Mailbox = id
			return others
		})
	if err != nil {
		return err
	}
	_, err = w.apply(ctx, key, object, extra{})
	return err
}

// Unblock ends the objections of a mailbox by the channel of the evidence, whose Detail is the reason. Nothing is
// confirmed by that, and what the mailbox itself declined still holds.
func (w *Website) Unblock(ctx context.Context, site string, a address.Address, e consent.Evidence) error {
	key, err := w.locate(ctx, site, a)
	if err != nil {
		return err
	}
	sub, err := w.get(ctx, key)
	if err != nil {
		return err
	}
	e.How = consent.ByServer
	unblock := consent.Unblock{Evidence: w.stamp(e)}
	if err := w.unblock(ctx, key, a, sub, unblock.Evidence); err != nil {
		return err
	}
	_, err = w.apply(ctx, key, unblock, extra{})
	return err
}

// Erase deletes a person's data, but not what they declined, objected to or withdrew, and not their receipts if these
// are to outlive them. Doing it again within a day is no error, also if nothing was left.
func (w *Website) Erase(ctx context.Context, site, id string) error {
	key, err := w.key(site, id)
	if err != nil {
		return err
	}
	rec, err := w.Store.Find(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return w.eraseAgain(ctx, key, nil)
	}
	if err != nil {
		return err
	}
	sub, err := w.open(ctx, rec)
	if err != nil {
		return err
	}
	if sub.Address.IsZero() {
		return w.eraseAgain(ctx, key, &sub)
	}
	erase, err := w.erasure(ctx, key, &sub)
	if err != nil {
		return err
	}
	return w.erase(ctx, key, sub.Address, erase)
}

// Event opens what a job of one of Site.EventQueues is to tell, with the words of its texts and the link that
// withdraws. It returns ErrNotDue if the person was erased since: then only EventErased is due.
func (w *Website) Event(ctx context.Context, job store.Job) (Event, error) {
	e, err := w.OpenEvent(job)
	if err != nil {
		return Event{}, err
	}
	if e.Type != consent.EventErased {
		k, err := w.read(ctx, job.Key)
		if err != nil {
			return Event{}, err
		}
		if k.subscription.Address.IsZero() || e.At.Before(k.subscription.Created) {
			return Event{}, ErrNotDue
		}
		e.known, e.Trace = &k, w.traceOfEvent(&k.subscription, e)
	}
	if e.Data.State == consent.Confirmed {
		link := w.unsubscribeLink(&consent.Subscription{Site: e.Data.Site, Created: e.Data.CreatedAt}, e.Data.ID)
		e.Data.UnsubscribeURL = &link
	}
	return e, w.statements.fillKnown(ctx, e.Data.Purposes)
}

// Notified keeps as evidence that an endpoint took the event of a job, and completes the job with it. The endpoint is
// its URL without a login and a query.
func (w *Website) Notified(ctx context.Context, job store.Job, e Event, endpoint string) error {
	if e.known == nil { // nothing is kept of a person who was erased
		return w.Store.End(ctx, job, store.Complete())
	}
	return w.applyAndEndFrom(ctx, *e.known, job, consent.Notified{Event: e.Type, Endpoint: clip(endpoint, 256)})
}

// OpenEvent opens what a job of one of Site.EventQueues holds, without texts and links, and whether it is still due or
// not.
func (w *Website) OpenEvent(job store.Job) (e Event, err error) {
	plain, err := w.sealer.box(job.Key).open(whatJob, job.Body)
	if err != nil {
		return Event{}, err
	}
	if err := json.Unmarshal(plain, &e); err != nil {
		return Event{}, &UnreadableError{job.Key, whatJob, err}
	}
	return e, nil
}

// find returns the record under an id that may be anything.
func (w *Website) find(ctx context.Context, site, id string) (store.Record, error) {
	key, err := w.key(site, id)
	if err != nil {
		return store.Record{}, err
	}
	return w.Store.Find(ctx, key)
}

// key returns the key of a record; store.ErrNotFound if there can be none.
func (w *Website) key(site, id string) (store.Key, error) {
	if _, ok := w.sites[site]; !ok || !store.IsID(id) {
		return store.Key{}, store.ErrNotFound
	}
	return store.Key{Site: site, ID: id}, nil
}

// status returns a record as a website sees it, now or at a time; store.ErrNotFound if there is nothing to see.
func (w *Website) status(ctx context.Context, rec store.Record, at time.Time) (consent.Status, error) {
	sub, err := w.open(ctx, rec)
	if err != nil {
		return consent.Status{}, err
	}
	when, whole := w.Now(), true
	if !at.IsZero() {
		when = at
		sub, whole = sub.AsOf(at)
	}
	st := sub.Status(rec.Key.ID, when)
	if st.State == "" && whole {
		return consent.Status{}, store.ErrNotFound
	}
	if !at.IsZero() {
		st.AsOf, st.Complete = &at, &whole
	} else if sub.Consents.Any() {
		link := w.unsubscribeLink(&sub, st.ID)
		st.UnsubscribeURL = &link
	}
	return st, w.statements.fillKnown(ctx, st.Purposes)
}
