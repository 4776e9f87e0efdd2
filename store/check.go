package store

import (
	"fmt"
	"strings"
	"time"
)

// Check says what is wrong with a change, or nil. Implementations call it before they commit.
func (c Change) Check() error {
	writes := c.Put != nil || c.Erase
	switch {
	case c.Put != nil && c.Erase:
		return fmt.Errorf("%w: it both puts and erases", ErrInvalid)
	case !writes && (len(c.Enqueue) > 0 || c.End != nil || len(c.Count) > 0):
		return fmt.Errorf("%w: it owes, settles or counts without a new state", ErrInvalid)
	case c.Put != nil && len(c.Put.Data) > MaxData:
		return fmt.Errorf("%w: a record of %d bytes, at most %d", ErrInvalid, len(c.Put.Data), MaxData)
	case c.End != nil:
		if err := c.End.Outcome.Check(); err != nil {
			return err
		}
	}
	for _, e := range c.Enqueue {
		switch {
		case !within(e.ID, 64, "_-") || e.ID == "":
			return fmt.Errorf("%w: an entry's id is %q", ErrInvalid, e.ID)
		case !e.Queue.valid():
			return fmt.Errorf("%w: an entry's kind is %q", ErrInvalid, e.Queue)
		case len(e.Body) > MaxBody:
			return fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrInvalid, len(e.Body), MaxBody)
		}
	}
	for _, n := range c.Count {
		if _, err := time.Parse(time.DateOnly, n.Day); err != nil || n.Name == "" || !within(n.Name, 96, "_/-") {
			return fmt.Errorf("%w: a count of %q on %q", ErrInvalid, n.Name, n.Day)
		}
	}
	return nil
}

// Check says what is wrong with an outcome, or nil. Change.Check asks it; implementations of Settle call it before they settle.
func (o Outcome) Check() error {
	switch {
	case o.End < EndComplete || o.End > EndFail:
		return fmt.Errorf("%w: there is no verdict %d", ErrInvalid, o.End)
	case o.Queue != "" && !o.Queue.valid():
		return fmt.Errorf("%w: a lane is %q", ErrInvalid, o.Queue)
	}
	return nil
}

func (k QueueName) valid() bool { return k != "" && within(string(k), 96, "/-") }

// within tells whether s has at most n bytes, all of them letters, digits or one of extra.
func within(s string, n int, extra string) bool {
	if len(s) > n {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
