package confirm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/store"
)

// ErrNotOwed says that an entry's letter is not to be sent any more: its link was pressed, declined, taken back, or would be dead on arrival.
var ErrNotOwed = errors.New("confirm: no longer owed")

// Draft is all that a letter says, as data.
type Draft struct {
	Duty        Duty // DutyConfirm or DutyKnown
	Site        string
	Locale      string
	To          Address
	IP          string // of whoever signed up, if known
	Purposes    []PurposeStatus
	Asked       time.Time
	Deadline    time.Time // of DutyConfirm
	Confirm     string    // URLs
	Decline     string
	Unsubscribe string
}

// Told is one event for a website.
type Told struct {
	ID   string    `json:"id"` // the same for every endpoint and every try
	Type Event     `json:"type"`
	At   time.Time `json:"at"`
	Data Status    `json:"data"`
}

// entries turns what is owed into what a store keeps.
func (s *Service) entries(key store.Key, sub Subscription, owed []Owed) ([]store.Entry, error) {
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
			all = append(all, store.Entry{ID: s.nonce(16), Kind: KindLetter, Body: body, Due: due})
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

// asking is the request whose letter an entry owes; empty for a letter that asks nothing.
func (s *Service) asking(e store.Entry) (request string, err error) {
	err = s.vault.unpack(e.Key, e.Body, &request)
	return request, err
}

// Draft reads what the letter of an entry is to say now, or answers ErrNotOwed.
func (s *Service) Draft(ctx context.Context, e store.Entry) (Draft, error) {
	id, err := s.asking(e)
	if err != nil {
		return Draft{}, err
	}
	sub, err := s.get(ctx, e.Key)
	if err != nil {
		return Draft{}, err
	}
	if sub.Refused != nil || sub.Address.IsZero() {
		return Draft{}, ErrNotOwed
	}
	d := Draft{Duty: DutyKnown, Site: sub.Site, Locale: sub.Locale, To: sub.Address, Asked: sub.Noticed}
	now := s.Now()
	if id != "" {
		r := sub.request(id)
		if r == nil || !r.open(now) || r.lettered() {
			return Draft{}, ErrNotOwed
		}
		d.Duty, d.Locale, d.IP, d.Asked, d.Deadline = DutyConfirm, r.Locale, r.Asked.IP, r.Asked.At, r.Deadline
		link := Link{Use: UseConfirm, Site: sub.Site, ID: e.Key.ID, Request: id, Until: r.Deadline}
		d.Confirm = s.links.url(link)
		link.Use = UseDecline
		d.Decline = s.links.url(link)
		for _, sh := range r.Shown {
			d.Purposes = append(d.Purposes, PurposeStatus{ID: sh.Purpose, State: Pending, TextSHA256: sh.Text})
		}
	} else {
		if !sub.granted() || now.After(sub.Noticed.Add(NoticeEvery)) { // what comes a day late tells nothing
			return Draft{}, ErrNotOwed
		}
		d.Unsubscribe = s.links.url(s.unsubscribe(&sub, e.Key.ID))
		for _, p := range sub.Purposes(now) {
			if p.State == Confirmed {
				d.Purposes = append(d.Purposes, p)
			}
		}
	}
	return d, s.word(ctx, d.Purposes)
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
	return s.settle(ctx, e, Lapse{})
}

// settle carries out an act and ends the entry that led to it, in one step where there is anything to commit.
func (s *Service) settle(ctx context.Context, e store.Entry, a Act) error {
	done := &store.Settlement{Entry: e, Outcome: store.Done()}
	_, settled, err := s.act(ctx, e.Key, a, done)
	if err != nil || settled {
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
