package redis

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"log/slog"
	"time"

	"github.com/optin/optin/store"
)

// Options say which servers Open uses, and how. Only Location is required.
type Options struct {
	Location store.Location   // of a redis scheme, as store.ParseLocation returns it
	Log      *slog.Logger     // nil: silent
	TLS      *tls.Config      // for rediss; nil: the system's authorities, TLS 1.2 or later
	Budget   time.Duration    // how long a call may take while the server is away; 0: 900 ms
	ReadOnly bool             // Ready, too, changes nothing; what would is not refused, so nobody may ask for it
	Pool     int              // batches on the way at the same time; 0: 4, or 16 on a Cluster
	Known    time.Time        // how new the data was when an earlier process saw it; zero: that is not known
	Accept   bool             // data that is older than Known, or lacks keys, is taken from now on
	Now      func() time.Time // nil: time.Now
	Random   io.Reader        // nil: crypto/rand; read by many goroutines at once
	Observer store.Observer   // may be empty
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Budget == 0 {
		o.Budget = 900 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.Observer = o.Observer.WithDefaults()
	return o
}

// batches returns how many batches are on the way while none takes long, and how many at most.
func (o Options) batches() (atOnce, most int) {
	switch {
	case o.Pool > 0:
		return 1, o.Pool
	case o.Location.Cluster():
		return clusterShards, clusterShards
	}
	return 1, 4
}

// connections returns how many connections there are: one for each batch, and two for Ready.
func (o Options) connections() int {
	_, most := o.batches()
	return most + 2
}
