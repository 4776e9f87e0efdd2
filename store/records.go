package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// MaxData is the size limit of Record.Data, in bytes.
const MaxData = 256 << 10

// MaxAdded is how many records AddAll takes.
const MaxAdded = 1000

// Records keeps records and changes them one at a time.
type Records interface {
	// Update hands f the record under key and commits the Change that f returns, all of it or none of it. If there is
	// no record, f is given one that is empty except for its Key.
	//
	// f may run more than once, each time on a newer record, and an implementation may first run it on an empty record
	// without looking whether there is one. So f starts afresh each time and has no effects but its results; only the
	// last run counts.
	//
	// Update returns the error of f as it is, from a run on the record as it really is; nothing is committed then. It
	// returns ErrLeaseLost, and commits nothing, if the change ends a job whose lease is lost; ErrInvalid if the change
	// breaks the contract; ErrUnavailable. It returns *Exceeded, and commits nothing, if a bucket of Change.Acquire has
	// no room.
	Update(ctx context.Context, key Key, f func(Record) (Change, error)) error

	// UpdateFrom is Update for a caller that has read the record: f first runs on it as it was read, and unless it was
	// changed since, it is not read again.
	UpdateFrom(ctx context.Context, known Record, f func(Record) (Change, error)) error

	// Find returns the record under key. It returns ErrNotFound if there is none; ErrUnavailable.
	Find(ctx context.Context, key Key) (Record, error)

	// FindAll returns the records under keys, in their order, as of one moment or of several. One that does not exist
	// has only its Key. ErrUnavailable.
	FindAll(ctx context.Context, keys ...Key) ([]Record, error)

	// AddAll puts records under keys that have none and returns how many those are; what is there already stays as it
	// is. Where it fails, any of them may have been put, and it may be called again. It returns ErrInvalid, and puts
	// nothing, for more than MaxAdded records, two under one key, or one over MaxData; ErrUnavailable.
	AddAll(ctx context.Context, all ...Record) (added int, err error)

	// List returns one page of a site's records, newest first by Created and then ID. Inserts do not disturb paging. A
	// record whose state changes while a caller pages by state may be missed or come twice; no other may. List returns
	// ErrInvalid for a limit out of range; ErrUnavailable.
	List(ctx context.Context, q Query) (Page, error)

	// InState returns how many records of a site are in a state, as List would find them; MaxCounted means that many or
	// more. Records that have expired and were not removed yet may be among them. It reads no record. ErrUnavailable.
	InState(ctx context.Context, site, state string) (int, error)
}

// Key identifies one record. It names nobody.
type Key struct {
	Site string // the site's id: lower-case letters, digits, '-'; at most 64 bytes
	ID   string // the keyed hash of the person's address at the site: 22 characters of base64url
}

// IsID reports whether a text is one that the ID of a Key can be.
func IsID(text string) bool { return len(text) == 22 && consistsOf(text, 22, "_-") }

// Version identifies one committed state of a record. It is opaque and never used twice. The zero Version means that
// there is no record.
type Version string

// Record is one subscription as a store sees it.
type Record struct {
	Key     Key
	Version Version   // set by the store, which ignores what a caller writes here
	State   string    // what List filters by: a short lower-case word
	Created time.Time // what List orders by; kept to the millisecond
	Expires time.Time // from then on the record is gone; zero: never. Kept to the millisecond
	Timer   time.Time // when its job in TimerQueue is due; zero: it has none. Kept to the millisecond
	Data    []byte    // sealed; at most MaxData
}

// Exists reports whether there is a record.
func (r Record) Exists() bool { return r.Version != "" }

// Change is what one action does to a record. The zero Change does nothing.
type Change struct {
	Put     *Record // the new state; its Key and Version are ignored
	Erase   bool    // instead of Put: the record is gone
	Enqueue []Job   // only together with Put or Erase; their Key and Attempts are ignored
	End     *JobEnd // only together with Put or Erase; of a job of this very record. A timer ends by what Put says
	Count   []Count // only together with Put or Erase

	// DropJobs removes every job of the record that was enqueued before, whether it waits, is leased, which loses the
	// lease, or has failed. Only together with Put or Erase, and not with End.
	DropJobs bool
	// KeepQueue names a queue; DropJobs leaves its jobs, in any state. Empty: none.
	KeepQueue QueueName

	// EvenIfFull marks what takes a consent back. Where a store is full and an implementation has room in reserve, such
	// a change is committed there, while others are refused.
	EvenIfFull bool

	// Acquire is taken in the same commit, or nothing is committed: see Limits.Acquire. Only together with Put or
	// Erase. Where f of an Update runs more than once, it is taken once.
	Acquire *Acquisition
}

// Acquisition asks for one from every bucket, or from none.
type Acquisition struct {
	Taker   string // as of Limits.Acquire
	Buckets []Bucket
}

// IsZero reports whether c leaves everything as it is.
func (c Change) IsZero() bool {
	return c.Put == nil && !c.Erase && len(c.Enqueue) == 0 && c.End == nil && len(c.Count) == 0 &&
		c.Acquire == nil && !c.DropJobs
}

// Check returns ErrInvalid, wrapped, if c cannot be committed to the record under key. Implementations call it before
// they commit.
func (c Change) Check(key Key) error {
	writes := c.Put != nil || c.Erase
	switch {
	case c.Put != nil && c.Erase:
		return fmt.Errorf("%w change: it both puts and erases", ErrInvalid)
	case !writes && !c.IsZero():
		return fmt.Errorf("%w change: it enqueues, ends, drops, counts or acquires without a new state", ErrInvalid)
	case c.DropJobs && c.End != nil:
		return fmt.Errorf("%w change: it ends a job and drops all", ErrInvalid)
	case c.Put != nil && len(c.Put.Data) > MaxData:
		return fmt.Errorf("%w change: a record of %d bytes, at most %d", ErrInvalid, len(c.Put.Data), MaxData)
	case c.End != nil && c.End.Job.Key != key:
		return fmt.Errorf("%w change: it ends a job of another record", ErrInvalid)
	case c.End != nil:
		if err := c.End.Check(); err != nil {
			return err
		}
	}
	for _, j := range c.Enqueue {
		if err := j.check(); err != nil {
			return err
		}
	}
	for _, n := range c.Count {
		if err := n.check(c.Count[0]); err != nil {
			return err
		}
	}
	if c.Acquire != nil {
		return CheckAcquire(c.Acquire.Taker, c.Acquire.Buckets)
	}
	return nil
}

// CheckAdded returns ErrInvalid, wrapped, if records cannot be added together. Implementations of AddAll call it first.
func CheckAdded(all []Record) error {
	if len(all) > MaxAdded {
		return fmt.Errorf("%w call: %d records to add, at most %d", ErrInvalid, len(all), MaxAdded)
	}
	keys := make(map[Key]bool, len(all))
	for i := range all {
		if keys[all[i].Key] {
			return fmt.Errorf("%w call: two records to add under one key", ErrInvalid)
		}
		keys[all[i].Key] = true
		if err := (Change{Put: &all[i]}).Check(all[i].Key); err != nil {
			return err
		}
	}
	return nil
}

// Query asks for records of one site, newest first.
type Query struct {
	Site   string
	State  string // only these; empty: all
	Limit  int    // 1 to 1000; 0 means 100
	Before Cursor // continue after this one; zero: from the newest
}

// WithDefaults returns q with its limit set, or ErrInvalid, wrapped, if the limit is out of range. Implementations of
// List call it.
func (q Query) WithDefaults() (Query, error) {
	if q.Limit == 0 {
		q.Limit = 100
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return q, fmt.Errorf("%w query: a page of %d records, 1 to 1000 are possible", ErrInvalid, q.Limit)
	}
	return q, nil
}

// Cursor is a position in a listing: between a record and the next older one.
type Cursor struct {
	Created time.Time
	ID      string
}

// Page is one part of a listing. Next is zero if there is nothing older.
type Page struct {
	Records []Record
	Next    Cursor
}

// consistsOf reports whether s has at most n bytes, all of them letters, digits or one of extra.
func consistsOf(s string, n int, extra string) bool {
	if len(s) > n {
		return false
	}
	for _, c := range []byte(s) {
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

// checkName returns ErrInvalid, wrapped, for the name of a bucket or a cell that is empty or over maxName.
func checkName(what, name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w %s: a name of %d bytes, 1 to %d are possible", ErrInvalid, what, len(name), maxName)
	}
	return nil
}

// maxName is the size limit of the name of a bucket or a cell, in bytes.
const maxName = 128
