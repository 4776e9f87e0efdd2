// Package store is the contract between the rules of consent and whatever keeps them: records, what is owed
// because of them, the texts that were shown, and rate limits.
//
// A store knows no rules. It makes one change atomic: the new state of a record, the work that is owed because of
// it, and the settling of the work that led to it are committed together or not at all. Everything it is given is
// already sealed; it reads nothing but the fields it orders by.
//
// Promises that every implementation keeps (package storetest holds them to it):
//
//   - What Update, Settle and Keep acknowledged survives the death of the process, and of the machine as far as
//     Ready says so.
//   - Reply lost is not work done twice: an attempt whose answer never came is found again by its version.
//   - Owed work is leased, never marked: what a dead process held comes back by itself when its hold is over.
//   - A record past its Expires is as if it had never been.
//   - Time is the store's own wherever replicas have to agree on it (leases, limits).
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers tell apart. Implementations wrap them; ask with errors.Is.
var (
	// ErrNotFound says that there is no such record, or that it has expired.
	ErrNotFound = errors.New("store: not found")
	// ErrLeaseLost says that the entry is settled already, or that its lease has passed on to somebody else.
	ErrLeaseLost = errors.New("store: the lease has passed on")
	// ErrUnavailable says that the store cannot be reached or will not write now; the change may be tried again.
	// Whether it was committed is unknown: repeat the same act, which by the rules changes nothing twice.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrInvalid says that the caller broke this contract (an entry without an id, a record over MaxData).
	ErrInvalid = errors.New("store: invalid change")
)

// Limits on what a store is given, in bytes.
const (
	MaxData = 256 << 10 // of Record.Data
	MaxBody = 32 << 10  // of Entry.Body
)

// Key finds one record: the site's id (lower-case letters, digits, '-'; at most 64) and the keyed hash of the
// person's address there (22 characters of base64url). It names nobody.
type Key struct {
	Site string
	ID   string
}

// Version identifies one committed state of a record. It is opaque and never used twice; the zero Version means
// that there is no record.
type Version string

// Record is one subscription as a store sees it.
type Record struct {
	Key     Key
	Version Version   // set by the store; what a caller puts here is ignored
	State   string    // what List filters by; a short lower-case word
	Created time.Time // what List orders by; kept to the millisecond
	Expires time.Time // from then on the record is gone; zero: never. Kept to the millisecond
	Data    []byte    // sealed; at most MaxData
}

// Exists tells a record from the absence of one.
func (r Record) Exists() bool { return r.Version != "" }

// Kind names a lane of owed work. Lanes do not delay each other.
type QueueName string

// Entry is one thing owed because a change was committed: a letter, a webhook call, a look at the clock.
type Job struct {
	ID       string    // unique for ever, [A-Za-z0-9_-], at most 64; the same ID owed twice is one entry
	Queue    QueueName // lower-case letters, digits, '/', '-'; at most 96
	Key      Key       // the record whose change owed it; set by Update
	Body     []byte    // opaque, sealed if personal; at most MaxBody
	Due      time.Time // not before; the zero time means now. Kept to the millisecond
	Attempts int       // how often it was leased, this time included; set by Lease. It fences: a lease is lost when it has grown
}

// Outcome says what becomes of a leased entry: Done, Again or Dead.
type Outcome struct {
	End   End
	At    time.Time // for EndRetry
	Queue QueueName // for EndRetry: the lane in which the entry waits from then on; empty: its own
}

// Verdict is the kind of an Outcome.
type End int

// The verdicts.
const (
	EndComplete End = iota
	EndRetry
	EndFail
)

// Done removes the entry.
func Complete() Outcome { return Outcome{End: EndComplete} }

// Again makes the entry due at the given time, free for anybody to lease.
func Retry(at time.Time) Outcome { return Outcome{End: EndRetry, At: at} }

// In moves an entry that is to be tried again to another lane: where it waits tells what is known of it, durably.
func (o Outcome) In(lane QueueName) Outcome { o.Queue = lane; return o }

// Dead parks the entry: it is kept with its body, and never leased again.
func Fail() Outcome { return Outcome{End: EndFail} }

// Settlement settles a leased entry together with a change of its record.
type JobEnd struct {
	Job     Job // as Lease gave it
	Outcome Outcome
}

// Change is what one act does to a record. The zero Change does nothing.
type Change struct {
	Put     *Record // the new state; its Key and Version are ignored
	Erase   bool    // instead of Put: the record is gone
	Enqueue []Job   // only together with Put or Erase; their Key and Tries are ignored
	End     *JobEnd // only together with Put or Erase; an entry of this very record
	Count   []Count // only together with Put or Erase
}

// Count is so many of something at the record's site on one day. It says nothing of anybody.
type Count struct {
	Day  string // UTC, as 2006-01-02
	Name string // [a-z0-9_/-], at most 96
	N    int64
}

// Nothing tells whether a change leaves everything as it is.
func (c Change) IsZero() bool {
	return c.Put == nil && !c.Erase && len(c.Enqueue) == 0 && c.End == nil && len(c.Count) == 0
}

// Query asks for records of one site, newest first.
type Query struct {
	Site   string
	State  string // only these; empty: all
	Limit  int    // 1 to 1000; 0 means 100
	Before Cursor // continue after this one; zero: from the newest
}

// Cursor is a place in a listing: between a record and the next older one.
type Cursor struct {
	Created time.Time
	ID      string
}

// Page is one part of a listing. Next is zero when there is nothing older.
type Page struct {
	Records []Record
	Next    Cursor
}

// Limit allows N takes in any window of Per, exactly.
type Limit struct {
	N   int
	Per time.Duration
}

// Store keeps records. All methods may be called from any goroutine, and by any number of processes on the same
// data. Every method answers ErrUnavailable within a second when the store is away, and never later than its context.
type Store interface {
	// Update hands f the record under key (a zero one, but for its Key, if there is none) and commits the Change that
	// f returns, all of it or none. f may run more than once, on ever newer records, and an implementation may first
	// run it on a zero record that it only supposes: so f starts afresh each time, has no effects but its results, and
	// only the last run counts. An error of f is returned as it is, after a run on the record as it really is; nothing is
	// then committed. Update returns ErrLeaseLost, and commits nothing, if the change settles an entry whose lease has passed on;
	// ErrInvalid if the change breaks the contract; ErrUnavailable.
	Update(ctx context.Context, key Key, f func(Record) (Change, error)) error

	// Get returns the record under key, or ErrNotFound.
	Find(ctx context.Context, key Key) (Record, error)

	// List returns the records of a site, newest first by Created and ID. Paging is stable under inserts. A record that
	// changes its state while one pages by state may be missed or come twice; nothing else may.
	List(ctx context.Context, q Query) (Page, error)

	// Lease takes up to n entries of a kind that are due, about oldest first, and hides them from every other Lease until they
	// are settled or hold is over. No entries and no error: nothing is due.
	Lease(ctx context.Context, kind QueueName, n int, hold time.Duration) ([]Job, error)

	// Extend makes a lease last for hold from now on, so that long work keeps what it has and short holds bring back soon what a
	// dead process had. It returns ErrLeaseLost, and changes nothing, as Settle does.
	RenewLease(ctx context.Context, e Job, hold time.Duration) error

	// Settle ends a lease. It returns ErrLeaseLost, and changes nothing, if the entry is settled already or has been leased again since.
	// A lease whose hold is over and that nobody took may still be settled. An entry that moves to another lane keeps its ID, its body and
	// its Tries.
	End(ctx context.Context, e Job, o Outcome) error

	// Take takes one from the bucket if every limit allows it, for all replicas together. It returns 0 when taken;
	// otherwise nothing was taken, and it returns how long to wait for the next one. A bucket's name is a keyed hash
	// or otherwise names nobody, at most 128 bytes. A taker ([A-Za-z0-9_-], at most 64) takes once: as long as what it took
	// counts, taking again answers 0 and takes nothing. An empty taker is another one each time.
	Acquire(ctx context.Context, bucket, taker string, limits ...Limit) (time.Duration, error)

	// Return gives back what a taker took from a bucket: it counts no more, for no limit. What was never taken, or counts no more, is
	// given back by doing nothing.
	Return(ctx context.Context, bucket, taker string) error

	// Hasten makes those n of a kind's entries that wait for a later time, and would be due soonest, due now; it returns how many there
	// were. What is leased, dead, or due already is left alone.
	RunNow(ctx context.Context, kind QueueName, n int) (int, error)

	// Counts returns what was counted at a site from one day to another, both included, in order of day and name. Each count was
	// added exactly when its change was committed.
	Counts(ctx context.Context, site, from, to string) ([]Count, error)

	// Parked lists entries of a kind that are dead, in the order in which they died, after the one with that ID (all: empty); at most n.
	// If that ID is not parked any more, the listing begins anew.
	Failed(ctx context.Context, kind QueueName, after string, n int) ([]Job, error)

	// Revive makes a dead entry due now, as if it had never been tried. ErrNotFound if there is none; an entry that is owed and not
	// dead is none.
	Requeue(ctx context.Context, kind QueueName, id string, key Key) error

	// Reserve keeps a value (at most MaxBody) under a name for d, for all replicas together, unless one is kept there; it returns the
	// one that is, or nil when value was kept now. Values that differ from one another tell whose reservation it is. A name is a
	// keyed hash or otherwise names nobody, at most 128 bytes.
	SetNX(ctx context.Context, name string, value []byte, d time.Duration) (held []byte, err error)

	// Held returns what is kept under a name, or nil.
	Get(ctx context.Context, name string) ([]byte, error)

	// Replace puts a value where exactly the old one is kept, for d from now on; ErrLeaseLost if another is there, or none.
	CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error

	// Keep keeps a text for ever under the lower-case hex SHA-256 of its bytes; keeping it again changes nothing.
	// ErrInvalid if the sum is not that of the text.
	PutText(ctx context.Context, sum string, text []byte) error

	// Kept returns a text, or ErrNotFound.
	Text(ctx context.Context, sum string) ([]byte, error)

	// Ready says whether what is acknowledged now will last. It returns nil; an *Unfit that names the setting in the way; or
	// ErrUnavailable. It asks the store itself, each time.
	Ready(ctx context.Context) error

	// Close waits for what is in hand and lets go of the store.
	Close() error
}

// Unfit is the error of a store that can be reached but may lose or evict what it acknowledges.
type UnsafeError struct {
	Setting string // its name in the store's own words, such as "appendfsync"
	Have    string
	Want    string
	Fix     string // the command or line that mends it
}

func (u *UnsafeError) Error() string {
	return "store: " + u.Setting + " is " + u.Have + ", must be " + u.Want + ": " + u.Fix
}
