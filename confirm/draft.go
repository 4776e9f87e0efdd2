package confirm

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/store"
)

// ErrNotOwed says that an entry's letter is not to be sent any more: its link was pressed, declined, taken back, or would be dead on arrival.
var ErrNotOwed = errors.New("confirm: no longer owed")

// onTheWay is how long a letter is on its way to its reader, at least: a link that ends by then is dead on arrival.
const onTheWay = time.Minute

// Draft is all that a letter says, as data.
type Draft struct {
	Duty        Duty // DutyConfirm or DutyKnown
	Reminder    bool // of DutyConfirm: it comes once more, because nobody pressed
	Reminds     bool // of DutyConfirm: a reminder may follow
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
	Return      string // the local part of its return path (RFC 5321's reverse-path), by which Report knows it; the same at each try
}

// asking is the request whose letter an entry owes; empty for a letter that asks nothing.
func (s *Service) asking(e store.Entry) (request string, err error) {
	err = s.vault.unpack(e.Key, e.Body, &request)
	return request, err
}

// Draft reads what the letter of an entry is to say now, or answers ErrNotOwed. What the letter took of the budgets is then given back, if
// no relay was asked to take it.
func (s *Service) Draft(ctx context.Context, e store.Entry) (Draft, error) {
	d, err := s.draft(ctx, e)
	if errors.Is(err, ErrNotOwed) && untried(e) {
		s.refund(ctx, e.Key.Site, e.ID)
	}
	return d, err
}

func (s *Service) draft(ctx context.Context, e store.Entry) (Draft, error) {
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
	d := Draft{Site: sub.Site, To: sub.Address, Return: s.returnPath(e.Key, id)}
	if id != "" {
		err = s.asks(&d, &sub, e.Key, id)
	} else {
		err = s.knows(&d, &sub, e.Key)
	}
	if err != nil {
		return Draft{}, err
	}
	return d, s.word(ctx, d.Purposes)
}

// asks fills in the letter of a request.
func (s *Service) asks(d *Draft, sub *Subscription, key store.Key, request string) error {
	r := sub.request(request)
	if r == nil || !r.open(s.Now().Add(onTheWay)) || r.lettered() {
		return ErrNotOwed
	}
	d.Duty, d.Reminder, d.Locale, d.IP, d.Asked, d.Deadline = DutyConfirm, r.reminding(), r.Locale, r.Asked.IP, r.Asked.At, r.Deadline
	d.Reminds = !r.Remind.IsZero() && s.sites[sub.Site].Terms.Remind > 0
	link := Link{Use: UseConfirm, Site: sub.Site, ID: key.ID, Request: request, Until: r.Deadline}
	d.Confirm = s.links.url(link)
	link.Use = UseDecline
	d.Decline = s.links.url(link)
	for _, sh := range r.Shown {
		d.Purposes = append(d.Purposes, PurposeStatus{ID: sh.Purpose, State: Pending, TextSHA256: sh.Text})
	}
	return nil
}

// knows fills in the letter that says: you agreed already. One that comes a day late tells nothing.
func (s *Service) knows(d *Draft, sub *Subscription, key store.Key) error {
	now := s.Now()
	if !sub.granted() || now.After(sub.Noticed.Add(NoticeEvery)) {
		return ErrNotOwed
	}
	d.Duty, d.Locale, d.Asked = DutyKnown, sub.Locale, sub.Noticed
	d.Unsubscribe = s.links.url(s.unsubscribe(sub, key.ID))
	for _, p := range sub.Purposes(now) {
		if p.State == Confirmed {
			d.Purposes = append(d.Purposes, p)
		}
	}
	return nil
}
