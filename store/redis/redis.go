package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// Store is a store.Store on Redis.
type Store struct {
	client     goredis.UniversalClient
	budget     time.Duration
	durability store.Durability
	log        *slog.Logger
	now        func() time.Time
	random     io.Reader
	locks      locks
	refused    atomic.Bool // that CONFIG is refused has been logged

	mu     sync.Mutex // guards closed, and calls while it grows
	closed bool
	calls  sync.WaitGroup // in progress, including those whose callers have gone
}

var _ store.Store = (*Store)(nil)

// Open reads the options; its errors are about them, and hold no password. It loads the scripts into the servers. If they
// cannot be reached, it logs that and goes on: they may be there later, and Ready says so. ctx bounds only this.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if len(o.Location.Hosts) == 0 {
		return nil, fmt.Errorf("store/redis: %v is not a location of Redis", o.Location)
	}
	if o.Location.Durability == "" {
		o.Location.Durability = store.DurabilityAlways
	}
	s := &Store{
		client: connect(o), budget: o.Budget, durability: o.Location.Durability,
		log: o.Log, now: o.Now, random: o.Random,
	}
	if err := s.loadScripts(ctx); err != nil {
		s.log.WarnContext(ctx, "redis cannot be reached yet; the store goes on trying", "error", err)
	}
	return s, nil
}

// loadScripts gives every master the scripts, so that the first call is as quick as the next.
func (s *Store) loadScripts(ctx context.Context) error {
	result, err := bounded(s, ctx, func(ctx context.Context) error {
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

// eachMaster calls f for every server that takes writes, all at once.
func (s *Store) eachMaster(ctx context.Context, f func(context.Context, *goredis.Client) error) error {
	switch c := s.client.(type) {
	case *goredis.ClusterClient:
		return c.ForEachMaster(ctx, f)
	case *goredis.Client:
		return f(ctx, c)
	}
	return errors.New("store/redis: no such client")
}

// bounded runs f under the budget, and returns when the caller's context or the budget ends, even if f has not returned; f
// then ends by itself, by the client's own time limits. The error is store.ErrUnavailable.
func bounded[T any](s *Store, ctx context.Context, f func(context.Context) T) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, unavailable(ctx, nil)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return none, fmt.Errorf("%w: it is closed", store.ErrUnavailable)
	}
	s.calls.Add(1)
	s.mu.Unlock()

	// A little less for f, so that the reason why it failed is known in time.
	inner, cancel := context.WithTimeout(ctx, s.budget-s.budget/20)
	results := make(chan T, 1)
	go func() {
		defer s.calls.Done()
		defer cancel()
		results <- f(inner)
	}()
	limit := time.NewTimer(s.budget)
	defer limit.Stop()
	select {
	case value := <-results:
		return value, nil
	case <-limit.C:
	case <-ctx.Done():
	}
	return none, unavailable(ctx, nil)
}

// Close waits for calls in progress, at most about twice the budget, and closes the connections.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.calls.Wait()
	return s.client.Close()
}
