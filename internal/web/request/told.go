package request

import (
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
)

// ClockSlack is how far a website's clock may be ahead of ours.
const ClockSlack = time.Minute

// maxTold is how long the words may be in which a website says what it was told, in bytes.
const maxTold = 256

// Told is what somebody passes on of what a person told them, as it was written.
type Told struct{ Channel, Words, At string }

// WrongTold is what is wrong with each of them; empty: nothing.
type WrongTold struct{ Channel, Words, At problem.Code }

// Complete puts it into evidence.
func (t Told) Complete(e *consent.Evidence, now time.Time) (wrong WrongTold) {
	channel := consent.Channel(t.Channel)
	if channel != "" && !slices.Contains(consent.Channels(), channel) {
		wrong.Channel = problem.ChoiceUnknown
	}
	if channel != consent.ChannelEmail {
		e.Channel = channel
	}
	e.Detail = t.Words
	if len(t.Words) > maxTold {
		wrong.Words = problem.TextTooLong
	}
	if t.At == "" {
		return wrong
	}
	switch at, err := ParseTime(t.At, false); {
	case err != nil:
		wrong.At = problem.TimeInvalid
	case at.After(now.Add(ClockSlack)):
		wrong.At = problem.TimeInTheFuture
	default:
		e.Attested = &consent.Attested{At: at}
	}
	return wrong
}
