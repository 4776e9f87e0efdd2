package confirm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Told is one event for a website.
type Event struct {
	ID   string            `json:"id"` // the same for every endpoint and every try
	Type consent.EventType `json:"type"`
	At   time.Time         `json:"at"`
	Data consent.Status    `json:"data"`
}

// owesLetter tells whether a letter is among what is owed.
func owesLetter(owed []consent.Job) bool {
	return slices.ContainsFunc(owed, func(o consent.Job) bool { return o.Type == consent.JobConfirmEmail || o.Type == consent.JobKnownEmail })
}

// entries turns what is owed into what a store keeps. A letter's entry has the given ID, if it is not empty.
func (s *Service) entries(key store.Key, sub consent.Subscription, owed []consent.Job, letter string) ([]store.Job, error) {
	var all []store.Job
	for _, o := range owed {
		switch o.Type {
		case consent.JobConfirmEmail, consent.JobKnownEmail:
			due := o.Due
			if !due.After(s.Now()) {
				due = time.Time{}
			}
			body, err := s.vault.pack(key, o.Request) // the nonce of a link: half of what a forger would need
			if err != nil {
				return nil, err
			}
			all = append(all, store.Job{ID: cmp.Or(letter, s.nonce(16)), Queue: s.letterLane(sub.Address), Body: body, Due: due})
		case consent.JobExpire:
			all = append(all, store.Job{ID: alarmID(key, o.Due), Queue: QueueExpire, Due: o.Due})
		case consent.JobEvent:
			if o.Event != consent.EventErased && sub.Address.IsZero() {
				continue // it lapsed, and was erased, in one step: there is nobody to speak of
			}
			told := Event{ID: s.nonce(16), Type: o.Event, At: sub.Changed, Data: sub.Status(key.ID, sub.Changed)}
			if o.Event == consent.EventErased {
				told.Data.State, told.Data.Site = consent.Erased, key.Site
			}
			body, err := s.vault.pack(key, told)
			if err != nil {
				return nil, err
			}
			for i, lane := range s.sites[key.Site].EventQueues {
				all = append(all, store.Job{ID: fmt.Sprintf("%s-%d", told.ID, i), Queue: lane, Body: body})
			}
		}
	}
	return all, nil
}

// alarmID names a look at the clock by its record and time, so that one that was replaced is known when it rings.
func alarmID(key store.Key, at time.Time) string {
	return key.ID + "-" + strconv.FormatInt(at.UnixMilli(), 36)
}

// Delivered keeps a relay's acceptance as evidence and settles the entry with it.
func (s *Service) Delivered(ctx context.Context, e store.Job, l consent.Delivery) error {
	id, err := s.asking(e)
	if err != nil {
		return err
	}
	l.At, l.Reply = s.Now().UTC().Truncate(time.Millisecond), clip(l.Reply, 512)
	return s.settle(ctx, e, consent.Delivered{Request: id, Delivery: l})
}

// Undeliverable keeps a relay's refusal for good as evidence and settles the entry with it.
func (s *Service) Undeliverable(ctx context.Context, e store.Job, reply string) error {
	id, err := s.asking(e)
	if err != nil {
		return err
	}
	return s.settle(ctx, e, consent.Bounced{Request: id, Evidence: s.stamp(consent.Evidence{How: consent.ByRelay, Reply: reply})})
}

// Lapse lets the clock act on the record of an entry, and settles the entry.
func (s *Service) Expire(ctx context.Context, e store.Job) error {
	sub, err := s.get(ctx, e.Key)
	if err != nil {
		return err
	}
	if sub.Created.IsZero() || e.ID != alarmID(e.Key, sub.ExpireAt) {
		return s.Store.End(ctx, e, store.Complete()) // all is forgotten, or another alarm took its place
	}
	if s.Now().Before(sub.ExpireAt) {
		return s.Store.End(ctx, e, store.Retry(sub.ExpireAt)) // the store's clock is ahead of ours
	}
	return s.settle(ctx, e, consent.Expire{Terms: s.sites[e.Key.Site].Terms})
}

// settle carries out an act and ends the entry that led to it, in one step where there is anything to commit.
func (s *Service) settle(ctx context.Context, e store.Job, a consent.Action) error {
	d, err := s.act(ctx, e.Key, deed{Action: a, settle: &e})
	if err != nil || d.settled {
		return err
	}
	return s.Store.End(ctx, e, store.Complete())
}

// OpenEvent returns the event of a job of one of Site.EventQueues as it was enqueued: without texts and links, and whether or not it may
// still be told. ErrUnreadable.
func (s *Service) OpenEvent(job store.Job) (Event, error) {
	var t Event
	if err := s.vault.unpack(job.Key, job.Body, &t); err != nil {
		return Event{}, err
	}
	return t, nil
}

// Event returns the event of a job of one of Site.EventQueues, with its texts and the unsubscribe link. It returns ErrNotDue if the person
// was forgotten since: then only that they were erased is told, and of nobody. ErrUnreadable.
func (s *Service) Event(ctx context.Context, e store.Job) (Event, error) {
	t, err := s.OpenEvent(e)
	if err != nil {
		return Event{}, err
	}
	if t.Type != consent.EventErased {
		sub, err := s.get(ctx, e.Key)
		if err != nil {
			return Event{}, err
		}
		if sub.Address.IsZero() || t.At.Before(sub.Created) {
			return Event{}, ErrNotDue
		}
	}
	if t.Data.State == consent.Confirmed {
		u := s.links.URL(s.unsubscribe(&consent.Subscription{Site: t.Data.Site, Created: t.Data.CreatedAt}, t.Data.ID))
		t.Data.UnsubscribeURL = &u
	}
	return t, s.word(ctx, t.Data.Purposes)
}

// clip makes a text from outside printable and at most n bytes long.
func clip(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	for len(text) > n {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
