package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// Store is a store.Store on Redis. Its methods are those of its ports, each in a file of that name.
type Store struct {
	*connection
	records
	queue
	limits
	cells
	counters
	texts
	marks

	durability store.Durability
	readOnly   bool
	log        *slog.Logger

	withoutFile sync.Map // addresses of servers that had no append-only file when they were asked last
	rewrites    sync.Map // by their addresses: the rewrite that each said there is

	// asked is how new the data of each shard was at the latest, in ms since 1970, and mayLose by how much it may be
	// older after a power cut or a failover.
	asked   []atomic.Int64
	mayLose time.Duration
	accepts bool // what is missing is lost for good
	layouts []atomic.Pointer[layout]
}

var _ store.Store = (*Store)(nil)

// Open reads the options; its errors are about them, and hold no password. It loads the scripts into the servers. If
// they cannot be reached, it logs that and goes on: they may be there later, and Ready says so. ctx bounds only this.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if len(o.Location.Hosts) == 0 {
		return nil, fmt.Errorf("store/redis: %v is not a location of Redis", o.Location)
	}
	c := newConnection(o)
	s := &Store{
		connection: c, records: records{connection: c, now: o.Now, conflict: o.Observer.Conflict},
		queue:  queue{c, new(atomic.Uint32)},
		limits: limits{c}, cells: cells{c}, counters: counters{c}, texts: texts{c}, marks: marks{c},
		durability: cmp.Or(o.Location.Durability, store.DurabilityAlways), readOnly: o.ReadOnly, log: o.Log,
	}
	s.asked, s.layouts, s.accepts = make([]atomic.Int64, s.shards), make([]atomic.Pointer[layout], s.shards), o.Accept
	for i := range s.layouts {
		s.layouts[i].Store(new(layout))
	}
	if !o.Known.IsZero() {
		for i := range s.asked {
			s.asked[i].Store(o.Known.UnixMilli())
		}
	}
	switch {
	case s.durability == store.DurabilityNone, o.Accept:
		s.mayLose = math.MaxInt64
	case s.durability != store.DurabilityAlways, s.cluster() != nil, o.Location.Sentinel() && s.replicas == 0:
		s.mayLose = lastMoments
	}
	if o.ReadOnly {
		return s, nil
	}
	if err := s.loadScripts(ctx); err != nil {
		s.log.DebugContext(ctx, "redis cannot be reached yet; the store goes on trying", "error", err)
	}
	return s, nil
}

// lastMoments is more than what a server or a Cluster loses that is not set up to lose nothing: everysec loses a second
// or two in a power cut, a failover what was not replicated yet.
const lastMoments = time.Minute

// loadScripts gives every master the scripts, so that the first call is as quick as the next.
func (s *Store) loadScripts(ctx context.Context) error {
	result, err := bounded(s.connection, ctx, func(ctx context.Context) error {
		return s.eachMaster(ctx, func(ctx context.Context, c *goredis.Client) error {
			_, err := c.Pipelined(ctx, func(p goredis.Pipeliner) error {
				for _, one := range scripts() {
					p.ScriptLoad(ctx, one.body)
				}
				return nil
			})
			return err
		})
	})
	return errors.Join(contractError(ctx, result), err)
}

// Close waits for calls in progress, at most about twice the budget, and closes the connections.
func (s *Store) Close() error { return s.close() }
