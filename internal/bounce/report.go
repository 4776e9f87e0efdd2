package bounce

import (
	"errors"
	"fmt"

	"github.com/optin/optin/internal/nondelivery"
)

// MaxMessage is how much of a message is read, in bytes. Reports repeat our email, which is small.
const MaxMessage = 1 << 20

var (
	// ErrUnreadable says that a message or notification is damaged. Sending it again changes nothing.
	ErrUnreadable = errors.New("bounce: the report cannot be read")
	// ErrNoReport says that it is neither a report, nor a complaint, nor a known notification. It wraps ErrUnreadable.
	ErrNoReport = fmt.Errorf("%w: it is no report about an email", ErrUnreadable)
)

// Kind is what a report means for its email.
type Kind int

// The kinds.
const (
	Soft      Kind = iota // temporary, or not about the recipient
	Hard                  // the recipient will never take an email
	Flood                 // forms flood the mailbox
	Complaint             // the person called the email spam
)

// Delivered is the Reason of a report that the email arrived.
const Delivered nondelivery.Reason = "delivered"

// Report is what a mail system says about one email.
type Report struct {
	Kind    Kind
	Reason  nondelivery.Reason // why it was not delivered; empty for a complaint
	Returns []string           // addresses that may be the email's return path, one of which is signed
	From    string             // the sender's address, which only a notification names
	To      string             // the recipient's address, which only a notification names
	Words   string             // what the mail system says, for the record
	// MessageIDs are the local parts of what may be the email's Message-ID.
	MessageIDs []string
}

// kindOf returns what a judgement means for an email.
func kindOf(j nondelivery.Judgement) Kind {
	switch {
	case j.Reason == nondelivery.Flood:
		return Flood
	case j.EndsRequest():
		return Hard
	}
	return Soft
}
