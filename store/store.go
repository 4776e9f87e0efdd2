// Package store is the contract between the rules of consent and the databases that keep their results: records,
// jobs that a change makes necessary, rate limits, small values that replicas agree on, counts, and texts.
//
// A store knows no rules. It makes one change atomic: the new state of a record, the jobs that it makes necessary, the
// end of the job that led to it, and what is counted are committed together or not at all. Personal data is sealed
// before it reaches a store; a store reads only the fields that it orders and filters by.
//
// # Promises
//
// Every implementation keeps these promises, and package storetest holds it to them:
//
//   - What Update, End and PutText acknowledged survives the death of the process, and of the machine as far as Ready
//     says so.
//   - A lost reply does not do work twice: an attempt whose reply was lost is recognised by its version.
//   - Jobs are leased, never marked as taken: what a dead process had leased becomes due again when its lease ends.
//   - A record past its Expires is as if it had never been.
//   - Where replicas must agree on the time (leases, limits, cells), it is the store's own.
//
// # Ports
//
// Store is all ports together. Code that needs one of them takes that one: Records, Queue, Limits, Cells, Counters,
// Texts or Marks.
package store

import (
	"context"
	"errors"
)

// Errors that callers tell apart with errors.Is. Implementations wrap them.
var (
	// ErrNotFound says that there is no such record, text or failed job; an expired record is none.
	ErrNotFound = errors.New("store: not found")
	// ErrLeaseLost says that the job has ended already, or that it has been leased again since.
	ErrLeaseLost = errors.New("store: the lease is lost")
	// ErrChanged says that a cell does not hold the value that was expected.
	ErrChanged = errors.New("store: the value has changed")
	// ErrUnavailable says that the store cannot be reached or does not write now, and that the call may be repeated.
	// Whether it was committed is unknown. To repeat an action is safe: by the rules it changes nothing twice.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrInvalid says that the caller broke this contract, such as by a job without an ID or a record over MaxData.
	ErrInvalid = errors.New("store: invalid")
)

// Store is all ports together. All methods may be called from any goroutine, and by any number of processes on the
// same data. Besides the errors that each method names, every method returns ErrUnavailable within a second if the
// store cannot be reached, and never later than its context ends; the error then also is the context's.
type Store interface {
	Records
	Queue
	Limits
	Cells
	Counters
	Texts
	Marks

	// Ready reports whether what is acknowledged now will last. It asks the store itself, each time. It returns nil, an
	// *UnsafeError that names the setting at fault, or ErrUnavailable.
	Ready(ctx context.Context) error

	// Close waits for calls in progress and releases the store. Later calls return ErrUnavailable. Closing again
	// changes nothing.
	Close() error
}

// UnsafeError is the error of a store that can be reached, but may lose or evict what it acknowledges, or refuses to
// write: its disk or its memory is full, say.
type UnsafeError struct {
	Setting string // its name in the store's own words, such as "appendfsync"
	Have    string // what it is; empty if that is not known
	Want    string // what it must be
	Words   string // the store's own words, if it refused something
	Fix     string // the command or configuration line that corrects it, or what else to do

	// Incomplete says that a part of what was acknowledged may be missing in the store: what is not found there may
	// have been lost. Of any other that is unsafe, everything is there.
	Incomplete bool
	// Older says that even what is found there may be older than what was acknowledged.
	Older bool
}

func (u *UnsafeError) Error() string { return "store: " + u.Fault() + ": " + u.Fix }

// Fault says what is wrong, as a sentence without an end.
func (u *UnsafeError) Fault() string {
	fault := u.Setting
	if u.Have != "" {
		fault += " is " + u.Have + ","
	}
	fault += " must be " + u.Want
	if u.Words != "" {
		fault += " (the store says: " + u.Words + ")"
	}
	return fault
}

// Reason returns in a few words why a store is not ready, by the error of Ready; empty if it is.
func Reason(err error) string {
	var u *UnsafeError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &u):
		return u.Setting
	}
	return "unreachable"
}
