package confirm

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// ErrNotDue says that an entry's letter is not to be sent any more: its link was pressed, declined, taken back, or would be dead on arrival.
var ErrNotDue = errors.New("confirm: no longer owed")

// onTheWay is how long a letter is on its way to its reader, at least: a link that ends by then is dead on arrival.
const onTheWay = time.Minute

// Draft is all that a letter says, as data.
type Message struct {
	Type            consent.JobType // JobConfirmEmail or JobKnownEmail
	Reminder        bool            // of JobConfirmEmail: it comes once more, because nobody pressed
	ReminderFollows bool            // of JobConfirmEmail: a reminder may follow
	Site            string
	Locale          string
	To              address.Address
	IP              string // of whoever signed up, if known
	Purposes        []consent.PurposeStatus
	Asked           time.Time
	Deadline        time.Time // of JobConfirmEmail
	Confirm         string    // URLs
	Decline         string
	Unsubscribe     string
	ReturnPath      string // the local part of its return path (RFC 5321's reverse-path), by which Report knows it; the same at each try
}

// asking is the request whose letter an entry owes; empty for a letter that asks nothing.
func (s *Service) asking(e store.Job) (request string, err error) {
	err = s.vault.unpack(e.Key, e.Body, &request)
	return request, err
}

// Draft reads what the letter of an entry is to say now, or answers ErrNotDue. What the letter took of the budgets is then given back, if
// no relay was asked to take it.
func (s *Service) Message(ctx context.Context, e store.Job) (Message, error) {
	return s.draft(ctx, e)
}

func (s *Service) draft(ctx context.Context, e store.Job) (Message, error) {
	id, err := s.asking(e)
	if err != nil {
		return Message{}, err
	}
	sub, err := s.get(ctx, e.Key)
	if err != nil {
		return Message{}, err
	}
	if sub.Declined != nil || sub.Address.IsZero() {
		return Message{}, ErrNotDue
	}
	d := Message{Site: sub.Site, To: sub.Address, ReturnPath: s.returnPaths.Make(e.Key, id)}
	if id != "" {
		err = s.asks(&d, &sub, e.Key, id)
	} else {
		err = s.knows(&d, &sub, e.Key)
	}
	if err != nil {
		return Message{}, err
	}
	return d, s.word(ctx, d.Purposes)
}

// asks fills in the letter of a request.
func (s *Service) asks(d *Message, sub *consent.Subscription, key store.Key, request string) error {
	r := sub.Request(request)
	if r == nil || !r.IsOpen(s.Now().Add(onTheWay)) || r.EmailTaken() {
		return ErrNotDue
	}
	d.Type, d.Reminder, d.Locale, d.IP, d.Asked, d.Deadline = consent.JobConfirmEmail, r.IsReminder(), r.Locale, r.Asked.IP, r.Asked.At, r.Deadline
	d.ReminderFollows = !r.RemindAt.IsZero() && s.sites[sub.Site].Terms.RemindAfter > 0
	link := token.Link{Use: token.UseConfirm, Site: sub.Site, ID: key.ID, Request: request, Until: r.Deadline}
	d.Confirm = s.links.URL(link)
	link.Use = token.UseDecline
	d.Decline = s.links.URL(link)
	for _, sh := range r.Statements {
		d.Purposes = append(d.Purposes, consent.PurposeStatus{ID: sh.Purpose, State: consent.Pending, TextSHA256: sh.SHA256})
	}
	return nil
}

// knows fills in the letter that says: you agreed already. One that comes a day late tells nothing.
func (s *Service) knows(d *Message, sub *consent.Subscription, key store.Key) error {
	now := s.Now()
	if !sub.HasConsent() || now.After(sub.NoticedAt.Add(consent.NoticeEvery)) {
		return ErrNotDue
	}
	d.Type, d.Locale, d.Asked = consent.JobKnownEmail, sub.Locale, sub.NoticedAt
	d.Unsubscribe = s.links.URL(s.unsubscribe(sub, key.ID))
	for _, p := range sub.Purposes(now) {
		if p.State == consent.Confirmed {
			d.Purposes = append(d.Purposes, p)
		}
	}
	return nil
}
