package mailer

import (
	"errors"
	"time"

	"github.com/optin/optin/store"
)

var (
	errCrowded = errors.New("mailer: the mailbox has had its letters for now")
	errPaused  = errors.New("mailer: every relay is paused")
	errBusy    = errors.New("mailer: every connection to the relay is in use")
	errResting = errors.New("mailer: the recipient's domain is left alone for a while")
	errSlow    = errors.New("mailer: the recipient's domain has not answered yet")
	errEnough  = errors.New("mailer: enough letters to the recipient's domain are under way")
)

// notBefore is the error of a letter that must rest.
type notBefore struct {
	error
	rest time.Duration
}

func (e notBefore) Unwrap() error { return e.error }

// RetryAfter is how long it must rest at least.
func (e notBefore) RetryAfter() time.Duration { return e.rest }

// soon is the error of a letter that nobody refused: it was not its turn.
type soon struct {
	error
	wait time.Duration
}

func (e soon) Unwrap() error { return e.error }

// Wait is how long it waits this time, however often it was tried.
func (e soon) Wait() time.Duration { return e.wait }

// inLane is the error of a letter that waits in a certain lane: where it waits tells what is known of it.
type inLane struct {
	error
	lane store.QueueName
}

func (e inLane) Unwrap() error { return e.error }

// Lane is the lane in which it waits.
func (e inLane) Lane() store.QueueName { return e.lane }
