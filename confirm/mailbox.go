package confirm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// A mailbox has a record of its own at a site that knows more of it than one subscription can hold: that it declined,
// and under which spellings it is known. The record is found by a keyed hash of the mailbox, holds keyed hashes and
// times, and names nobody. No signup reads or writes it, so nothing that a stranger sees depends on it; the worker
// reads it with the subscription when the email is due. What spans several records is done one after the other, the one
// that stops emails first, and may be done again.

// mailboxes reads and changes the records of mailboxes, and what follows from them for subscriptions.
type mailboxes struct{ *records }

// openMailbox puts together what the records of a mailbox say, of which there is one for each secret.
func (r mailboxes) openMailbox(ctx context.Context, all []store.Record) (m consent.Mailbox, err error) {
	for _, rec := range all {
		if !rec.Exists() {
			continue
		}
		one, err := r.sealer.box(rec.Key).mailbox(rec)
		if err != nil {
			return m, r.notes.note(ctx, err)
		}
		m.AddRefusals(one)
		for _, s := range one.Spellings {
			if m.Spellings == nil {
				m.Spellings = one.Spellings
				break
			}
			m.Know(s.ID, s.Until, r.Now())
		}
	}
	return m, nil
}

// updateMailbox changes the record of a mailbox. takesBack says that an action that does so led to it: see
// store.Change.EvenIfFull.
func (r mailboxes) updateMailbox(
	ctx context.Context, key store.Key, takesBack bool, change func(*consent.Mailbox),
) error {
	box := r.sealer.box(key)
	return r.Store.Update(ctx, key, func(rec store.Record) (store.Change, error) {
		m, err := box.mailbox(rec)
		if err != nil {
			return store.Change{}, err
		}
		before, err := encodeMailbox(m)
		if err != nil {
			return store.Change{}, err
		}
		change(&m)
		after, err := encodeMailbox(m)
		switch {
		case err != nil, string(after) == string(before):
			return store.Change{}, err
		case m.IsEmpty():
			return store.Change{Erase: true, EvenIfFull: takesBack}, nil
		}
		created := rec.Created
		if created.IsZero() {
			created = r.Now()
		}
		return store.Change{EvenIfFull: takesBack, Put: &store.Record{
			State: mailboxState, Created: created, Expires: m.DeletableAt(), Data: box.Seal(after),
		}}, nil
	})
}

// updateMailboxes changes every record of a mailbox that exists.
func (r mailboxes) updateMailboxes(
	ctx context.Context, all []store.Record, takesBack bool, change func(*consent.Mailbox),
) error {
	for _, rec := range all {
		if !rec.Exists() {
			continue
		}
		if err := r.updateMailbox(ctx, rec.Key, takesBack, change); err != nil {
			return err
		}
	}
	return nil
}

// errManySpellings means that a mailbox has more spellings than are kept.
var errManySpellings = errors.New("confirm: too many spellings of one mailbox")

// know notes the spelling of an address, until a time or for good if that is zero, and returns what the mailbox said at
// that moment. The plainest one needs no note: then it returns nil.
func (r mailboxes) know(
	ctx context.Context, site string, a address.Address, id string, until time.Time,
) (then *consent.Mailbox, err error) {
	if a.IsZero() || a.IsPlain() {
		return nil, nil
	}
	room := true
	err = r.updateMailbox(ctx, r.sealer.mailboxKeys(site, a)[0], false, func(m *consent.Mailbox) {
		room = m.Know(id, until, r.Now())
		said := *m
		then = &said
	})
	if err == nil && !room {
		return nil, errManySpellings
	}
	return then, err
}

// mailbox is all that is known of the mailbox of an address at a site.
type mailbox struct {
	consent.Mailbox
	records []store.Record // its own: see mailboxKeys
	others  []store.Record // the subscriptions under other spellings than the address; some may not exist
}

// mailboxOf reads what is known of the mailbox of an address whose own record has the key own. also may add keys of
// mailboxes.
func (r mailboxes) mailboxOf(
	ctx context.Context, own store.Key, a address.Address, also ...store.Key,
) (m mailbox, err error) {
	keys := also
	var plain []store.Key
	if !a.IsZero() {
		keys = slices.Concat(r.sealer.mailboxKeys(own.Site, a), also)
		plain = r.plainKeys(own, a)
	}
	slices.SortFunc(keys, compareKeys)
	keys = slices.Compact(keys)
	found, err := r.Store.FindAll(ctx, slices.Concat(keys, plain)...)
	if err != nil {
		return m, err
	}
	m.records, m.others = found[:len(keys)], found[len(keys):]
	if m.Mailbox, err = r.openMailbox(ctx, m.records); err != nil {
		return m, err
	}
	return m, r.readSpellings(ctx, own, &m)
}

func compareKeys(a, b store.Key) int { return strings.Compare(a.ID, b.ID) }

// plainKeys returns the keys of the plainest spelling of an address, unless it is that.
func (r mailboxes) plainKeys(own store.Key, a address.Address) []store.Key {
	if a.IsPlain() {
		return nil
	}
	plain := a.Plain()
	if plain.IsZero() {
		return nil
	}
	return r.sealer.keys(own.Site, plain)
}

// readSpellings adds the spellings of a mailbox that were not read yet.
func (r mailboxes) readSpellings(ctx context.Context, own store.Key, m *mailbox) error {
	var keys []store.Key
	for _, s := range m.Spellings {
		read := func(rec store.Record) bool { return rec.Key.ID == s.ID }
		if s.ID != own.ID && !slices.ContainsFunc(m.others, read) {
			keys = append(keys, store.Key{Site: own.Site, ID: s.ID})
		}
	}
	if len(keys) == 0 {
		return nil
	}
	more, err := r.Store.FindAll(ctx, keys...)
	m.others = slices.Concat(m.others, more)
	return err
}

// applyToOthers applies an action to the subscriptions under other spellings of a mailbox, and calls each for what is
// known of them then. It passes over one that does not open.
func (r mailboxes) applyToOthers(
	ctx context.Context, m mailbox, a consent.Action, each func(store.Key, consent.Subscription),
) error {
	for _, rec := range m.others {
		if !rec.Exists() {
			continue
		}
		key, err := r.follow(ctx, rec.Key)
		var res result
		if err == nil {
			res, err = r.apply(ctx, key, a, extra{})
		}
		if errors.Is(err, ErrUnreadable) {
			continue
		}
		if err != nil {
			return err
		}
		if each != nil {
			each(key, res.after)
		}
	}
	return nil
}

// decline has a mailbox decline in every spelling. It returns the id of the mailbox, empty if nobody knows the address
// any more.
func (r mailboxes) decline(ctx context.Context, key store.Key, a address.Address, e consent.Evidence) (string, error) {
	return r.refuse(ctx, key, a, func(m *consent.Mailbox) { m.Decline(e) }, func(id string) consent.Action {
		return consent.Decline{Site: key.Site, Mailbox: id, Evidence: e}
	})
}

// refuse has a mailbox refuse in every spelling but the key's own: first the mailbox, so that no email leaves any more,
// then what is known of it. It returns the id of the mailbox, empty if nobody knows the address any more. If the record
// of the mailbox does not open, the one spelling can refuse all the same.
func (r mailboxes) refuse(
	ctx context.Context, key store.Key, a address.Address, note func(*consent.Mailbox),
	action func(mailbox string) consent.Action,
) (string, error) {
	if a.IsZero() {
		return "", nil
	}
	id := r.sealer.mailboxKeys(key.Site, a)[0].ID
	err := r.updateMailbox(ctx, mailboxKey(id), true, func(m *consent.Mailbox) {
		note(m)
		m.Know(key.ID, time.Time{}, r.Now())
	})
	// What was noted of it until then is read afterwards; nobody notes a spelling later without seeing the refusal.
	var m mailbox
	if err == nil {
		m, err = r.mailboxOf(ctx, key, a)
	}
	if errors.Is(err, ErrUnreadable) {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	var refused []string
	add := func(k store.Key, _ consent.Subscription) { refused = append(refused, k.ID) }
	err = r.applyToOthers(ctx, m, action(id), add)
	if err != nil || len(refused) == 0 {
		return id, err
	}
	return id, r.updateMailbox(ctx, mailboxKey(id), true, func(m *consent.Mailbox) {
		for _, id := range refused {
			m.Know(id, time.Time{}, r.Now())
		}
	})
}

// unblock ends what a mailbox refused, in every spelling, except for the subscription under the key itself: its page
// shows the button until all the rest is done. The address is zero if nobody knows it any more.
func (r mailboxes) unblock(
	ctx context.Context, key store.Key, a address.Address, sub consent.Subscription, e consent.Evidence,
) error {
	m, err := r.mailboxOf(ctx, key, a, mailboxesOf(sub)...)
	if err != nil {
		return err
	}
	err = r.updateMailboxes(ctx, m.records, false, func(m *consent.Mailbox) { m.Unblock(e) })
	if err != nil {
		return err
	}
	ends := map[string]time.Time{}
	err = r.applyToOthers(ctx, m, consent.Unblock{Evidence: e}, func(k store.Key, after consent.Subscription) {
		ends[k.ID] = after.DeletableAt()
	})
	if err != nil {
		return err
	}
	if c, err := consent.Apply(sub, consent.Unblock{Evidence: e}, r.Now()); err == nil {
		ends[key.ID] = c.Subscription.DeletableAt()
	}
	return r.updateMailboxes(ctx, m.records, false, func(m *consent.Mailbox) {
		for _, s := range m.Spellings {
			if end, ok := ends[s.ID]; ok {
				m.Set(s.ID, end, r.Now())
			}
		}
	})
}

// mailboxesOf returns the keys of the mailboxes that the refusals of a subscription name.
func mailboxesOf(sub consent.Subscription) (all []store.Key) {
	add := func(id string) {
		if id != "" {
			all = append(all, mailboxKey(id))
		}
	}
	for _, r := range sub.Refusals {
		add(r.Mailbox)
	}
	for _, o := range sub.Objections {
		add(o.Mailbox)
	}
	return all
}

// erasure returns the erasure of a subscription, with the receipts that are to outlive it.
func (r mailboxes) erasure(
	ctx context.Context, key store.Key, sub *consent.Subscription,
) (erase consent.Erase, err error) {
	if kept := r.Retention.Receipt; kept > 0 {
		until := r.Now().UTC().Truncate(time.Millisecond).Add(kept)
		erase.Receipts, err = r.receipts.kept(ctx, key, sub, until)
	}
	return erase, err
}

// erasureKnown is how long it is known that somebody was erased whose record is gone.
const erasureKnown = 24 * time.Hour

func erasureCell(key store.Key) string { return "erasure " + key.Site + "/" + key.ID }

// erase applies an action that erases the person of an address, and forgets the spelling. That is noted before, for
// a while: an answer may be lost, or the store be away after the first step. Who asks again is to hear the same, and
// the rest is done then.
func (r mailboxes) erase(ctx context.Context, key store.Key, a address.Address, erase consent.Action) error {
	var ids []string
	for _, mailbox := range r.sealer.mailboxKeys(key.Site, a) {
		ids = append(ids, mailbox.ID)
	}
	// A full store takes no note, and still erases.
	_, _ = r.Store.SetNX(ctx, erasureCell(key), []byte(strings.Join(ids, " ")), erasureKnown)
	res, err := r.apply(ctx, key, erase, extra{})
	if err != nil {
		return err
	}
	return r.forget(ctx, key, a, &res.after)
}

// eraseAgain ends an erasure that was begun. Left is what the record still says, or nil if there is none. It returns
// store.ErrNotFound if there is none and no erasure was noted.
func (r mailboxes) eraseAgain(ctx context.Context, key store.Key, left *consent.Subscription) error {
	ids, err := r.Store.Get(ctx, erasureCell(key))
	switch {
	case err != nil:
		return err
	case ids == nil && left == nil:
		return store.ErrNotFound
	case left == nil:
		left = &consent.Subscription{}
	}
	var mailboxes []store.Key
	for _, id := range strings.Fields(string(ids)) {
		mailboxes = append(mailboxes, mailboxKey(id))
	}
	return r.forgetIn(ctx, key, mailboxes, left)
}

// forget forgets the spelling of a person who was erased, unless what is left says that they refused something.
func (r mailboxes) forget(
	ctx context.Context, key store.Key, a address.Address, left *consent.Subscription,
) error {
	if a.IsZero() {
		return nil
	}
	return r.forgetIn(ctx, key, r.sealer.mailboxKeys(key.Site, a), left)
}

// forgetIn is forget for the keys of the mailbox.
func (r mailboxes) forgetIn(
	ctx context.Context, key store.Key, mailboxes []store.Key, left *consent.Subscription,
) error {
	if left.Refusals.Declined() != nil || left.Objections.Active() {
		return nil
	}
	all, err := r.Store.FindAll(ctx, mailboxes...)
	if err != nil {
		return err
	}
	err = r.updateMailboxes(ctx, all, true, func(m *consent.Mailbox) { m.Forget(key.ID) })
	if errors.Is(err, ErrUnreadable) { // it names nobody
		return nil
	}
	return err
}

// checkMailbox returns what is known once it is sure that the email of a request may leave. It returns ErrNotDue where
// the mailbox refused under another spelling, which closes the request, or where it has too many spellings; found are
// records of the mailbox that were read. What the mailbox refused of the request's purposes is taken out of it. The
// spelling is noted before a link leaves, so that a later refusal finds it.
func (r mailboxes) checkMailbox(ctx context.Context, k known, request string, found ...store.Record) (known, error) {
	site, id, a := k.record.Key.Site, k.record.Key.ID, k.subscription.Address
	if r.Keyring.Len() > 1 { // under other secrets
		more, err := r.Store.FindAll(ctx, r.sealer.mailboxKeys(site, a)...)
		if err != nil {
			return k, err
		}
		found = append(found, more...)
	}
	m, err := r.openMailbox(ctx, found)
	if err != nil {
		return k, err
	}
	if until := k.subscription.DeletableAt(); !m.Knows(id, until) {
		then, err := r.know(ctx, site, a, id, until)
		switch {
		case errors.Is(err, errManySpellings):
			return k, ErrNotDue
		case err != nil:
			return k, err
		case then != nil:
			m.AddRefusals(*then)
		}
	}
	purposes, e := m.Refusal(k.subscription.Requests.Find(request))
	if e == nil {
		return k, nil
	}
	refused := consent.Suppressed{RequestID: request, Purposes: purposes, Evidence: *e}
	res, err := r.apply(ctx, k.record.Key, refused, extra{})
	if err != nil {
		return k, err
	}
	k.record, k.subscription, k.raw = store.Record{Key: k.record.Key}, res.after, consent.Subscription{}
	if res.after.EmailDue(request, r.Now()) == "" || len(purposes) == 0 {
		return k, ErrNotDue
	}
	return k, nil
}

// also returns where the other spellings of a mailbox stand. It passes over one that does not open.
func (r mailboxes) also(ctx context.Context, others []store.Record) (all []consent.Also) {
	for _, rec := range others {
		sub, err := r.open(ctx, rec)
		if state := sub.State(r.Now()); err == nil && state != "" {
			all = append(all, consent.Also{ID: rec.Key.ID, State: state})
		}
	}
	return all
}
