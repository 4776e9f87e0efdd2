package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// Options say which file Open opens, and how. Only Path is required.
type Options struct {
	Path       string           // of the file; its log is beside it, under the same name with -wal
	Durability store.Durability // what an acknowledged change survives; default Always
	ReadOnly   bool             // nothing is changed or created; what would change something is unavailable
	Existing   bool             // the file is not created
	Deadline   time.Duration    // the longest a call may take; default 900 ms, at most 1 minute
	Readers    int              // reads at the same time; default 4, at most 64
	Sweep      time.Duration    // how often what has expired is removed; default 1 minute
	Now        func() time.Time // the clock of expiry, leases and limits; default time.Now
	Log        *slog.Logger     // where damage is reported, that is found after Open; default nowhere
	Observer   store.Observer   // may be empty; SQLite has no conflicts
}

// level is SQLite's synchronous, as PRAGMA synchronous reads it back.
type level int

const (
	syncOff    level = 0
	syncNormal level = 1
	syncFull   level = 2
)

func (l level) String() string {
	switch l {
	case syncOff:
		return "OFF"
	case syncNormal:
		return "NORMAL"
	case syncFull:
		return "FULL"
	case syncFull + 1:
		return "EXTRA"
	}
	return fmt.Sprintf("level %d", int(l))
}

// level is the one of Options.Durability: always is synchronous FULL, everysec NORMAL, none OFF.
func (o Options) level() level {
	switch o.Durability {
	case store.DurabilityNone:
		return syncOff
	case store.DurabilityEverySec:
		return syncNormal
	default:
		return syncFull
	}
}

func (o Options) withDefaults() (Options, error) {
	if o.Durability == "" {
		o.Durability = store.DurabilityAlways
	}
	if o.Deadline == 0 {
		o.Deadline = 900 * time.Millisecond
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.Sweep == 0 {
		o.Sweep = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Observer = o.Observer.WithDefaults()
	if o.Path == "" {
		return o, errors.New("sqlite: no path is given: name the file, such as sqlite:///var/lib/optin/optin.db")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return o, fmt.Errorf("sqlite: %w", err)
	}
	o.Path = path
	return o, o.check()
}

func (o Options) check() error {
	known := []store.Durability{store.DurabilityAlways, store.DurabilityEverySec, store.DurabilityNone}
	switch {
	case !slices.Contains(known, o.Durability):
		return fmt.Errorf("sqlite: durability %q is unknown: use always, everysec or none", o.Durability)
	case o.Deadline < 0 || o.Deadline > time.Minute:
		return fmt.Errorf("sqlite: a deadline of %v: use more than 0 and at most 1m", o.Deadline)
	case o.Readers < 0 || o.Readers > 64:
		return fmt.Errorf("sqlite: %d readers: use 1 to 64", o.Readers)
	case o.Sweep < 0:
		return fmt.Errorf("sqlite: sweeping every %v: use more than 0", o.Sweep)
	}
	return nil
}
