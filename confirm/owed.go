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

	"github.com/optin/optin/store"
)

// Told is one event for a website.
type Told struct {
	ID   string    `json:"id"` // the same for every endpoint and every try
	Type Event     `json:"type"`
	At   time.Time `json:"at"`
	Data Status    `json:"data"`
}

// owesLetter tells whether a letter is among what is owed.
func owesLetter(owed []Owed) bool {
	return slices.ContainsFunc(owed, func(o Owed) bool { return o.Duty == DutyConfirm || o.Duty == DutyKnown })
}

// entries turns what is owed into what a store keeps. A letter's entry has the given ID, if it is not empty.
func (s *Service) entries(key store.Key, sub Subscription, owed []Owed, letter string) ([]store.Entry, error) {
	var all []store.Entry
	for _, o := range owed {
		switch o.Duty {
		case DutyConfirm, DutyKnown:
			due := o.Due
			if !due.After(s.Now()) {
				due = time.Time{}
			}
			body, err := s.vault.pack(key, o.Request) // the nonce of a link: half of what a forger would need
			if err != nil {
				return nil, err
			}
			all = append(all, store.Entry{ID: cmp.Or(letter, s.nonce(16)), Kind: s.letterLane(sub.Address), Body: body, Due: due})
		case DutyClock:
			all = append(all, store.Entry{ID: alarmID(key, o.Due), Kind: KindClock, Due: o.Due})
		case DutyTell:
			if o.Event != EventErased && sub.Address.IsZero() {
				continue // it lapsed, and was erased, in one step: there is nobody to speak of
			}
			told := Told{ID: s.nonce(16), Type: o.Event, At: sub.Changed, Data: sub.status(key.ID, sub.Changed)}
			if o.Event == EventErased {
				told.Data.State, told.Data.Site = Erased, key.Site
			}
			body, err := s.vault.pack(key, told)
			if err != nil {
				return nil, err
			}
			for i, lane := range s.sites[key.Site].Tell {
				all = append(all, store.Entry{ID: fmt.Sprintf("%s-%d", told.ID, i), Kind: lane, Body: body})
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
func (s *Service) Delivered(ctx context.Context, e store.Entry, l Letter) error {
	id, err := s.asking(e)
	if err != nil {
		return err
	}
	l.At, l.Reply = s.Now().UTC().Truncate(time.Millisecond), clip(l.Reply, 512)
	return s.settle(ctx, e, Delivered{Request: id, Letter: l})
}

// Undeliverable keeps a relay's refusal for good as evidence and settles the entry with it.
func (s *Service) Undeliverable(ctx context.Context, e store.Entry, reply string) error {
	id, err := s.asking(e)
	if err != nil {
		return err
	}
	return s.settle(ctx, e, Bounce{Request: id, Evidence: s.stamp(Evidence{How: ByRelay, Reply: reply})})
}

// Lapse lets the clock act on the record of an entry, and settles the entry.
func (s *Service) Lapse(ctx context.Context, e store.Entry) error {
	sub, err := s.get(ctx, e.Key)
	if err != nil {
		return err
	}
	if sub.Created.IsZero() || e.ID != alarmID(e.Key, sub.Alarm) {
		return s.Store.Settle(ctx, e, store.Done()) // all is forgotten, or another alarm took its place
	}
	if s.Now().Before(sub.Alarm) {
		return s.Store.Settle(ctx, e, store.Again(sub.Alarm)) // the store's clock is ahead of ours
	}
	return s.settle(ctx, e, Lapse{Terms: s.sites[e.Key.Site].Terms})
}

// settle carries out an act and ends the entry that led to it, in one step where there is anything to commit.
func (s *Service) settle(ctx context.Context, e store.Entry, a Act) error {
	d, err := s.act(ctx, e.Key, deed{Act: a, settle: &e})
	if err != nil || d.settled {
		return err
	}
	return s.Store.Settle(ctx, e, store.Done())
}

// Told opens what an entry of a Site.Tell lane tells, with the words of its texts and the link that takes back; or answers ErrNotOwed,
// because the person was forgotten since: then only that they were erased is told, and of nobody.
func (s *Service) Told(ctx context.Context, e store.Entry) (Told, error) {
	var t Told
	if err := s.vault.unpack(e.Key, e.Body, &t); err != nil {
		return Told{}, err
	}
	if t.Type != EventErased {
		sub, err := s.get(ctx, e.Key)
		if err != nil {
			return Told{}, err
		}
		if sub.Address.IsZero() || t.At.Before(sub.Created) {
			return Told{}, ErrNotOwed
		}
	}
	if t.Data.State == Confirmed {
		u := s.links.url(s.unsubscribe(&Subscription{Site: t.Data.Site, Created: t.Data.CreatedAt}, t.Data.ID))
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
