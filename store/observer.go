package store

import "time"

// Observer is told what a store does beneath its calls. Its functions may be called from any goroutine and must return
// at once; those that are nil are not called.
type Observer struct {
	// RoundTrip is called after each exchange: a batch of commands that travelled to Redis together, or a read or a
	// committed group of changes of SQLite. Calls that share one are not counted apart.
	RoundTrip func(took time.Duration)
	// Conflict is called when a change was not committed because somebody else had changed the record meanwhile. The
	// store tries it again.
	Conflict func()
}

// WithDefaults returns an observer all of whose functions can be called.
func (o Observer) WithDefaults() Observer {
	if o.RoundTrip == nil {
		o.RoundTrip = func(time.Duration) {}
	}
	if o.Conflict == nil {
		o.Conflict = func() {}
	}
	return o
}
