package redis

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/optin/optin/store"
)

// command is a script with its keys and arguments, or a plain command. What it holds must not change afterwards: an
// attempt may outlive its caller.
type command struct {
	script script
	keys   []string
	args   []string
	plain  []any
}

// reply is what came back; a nil reply of the server is a nil value and no error.
type reply struct {
	value any
	err   error
}

// kept reports whether what the command does is acknowledged, and must survive a failover.
func (c command) kept() bool { return c.script.kept || c.plain != nil && c.plain[0] == "set" }

func get(key string) command { return command{plain: []any{"get", key}} }

// connection is the connection to the servers, which all ports share.
type connection struct {
	client   goredis.UniversalClient
	shards   int // 1, or 16 on a Cluster
	budget   time.Duration
	random   io.Reader
	marked   atomic.Bool // this process has seen the mark of the store in every shard, and misses it where it is gone
	suspects suspects
	*pipeline

	mu     sync.Mutex // guards closed, and calls while it grows
	closed bool
	calls  sync.WaitGroup // in progress, including those whose callers have gone
}

// newConnection returns a connection that connects with the first command.
func newConnection(o Options) *connection {
	c := &connection{client: connect(o), shards: 1, budget: o.Budget, random: o.Random}
	if c.cluster() != nil {
		c.shards = clusterShards
	}
	c.pipeline = newPipeline(c.client, o)
	return c
}

// cluster returns the client of a Cluster, or nil.
func (s *connection) cluster() *goredis.ClusterClient {
	c, _ := s.client.(*goredis.ClusterClient)
	return c
}

// connect returns the client for a location. It connects with the first command.
func connect(o Options) goredis.UniversalClient {
	// The client has one logger for all, which writes to the process's standard error. Our errors say the same.
	logging.Disable()

	attempt := attemptOf(o.Budget)
	l := o.Location
	u := goredis.UniversalOptions{
		Addrs: l.Hosts, DB: l.Database, MasterName: l.Master,
		Username: l.User, Password: l.Password, SentinelPassword: l.SentinelPassword,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: attempt, ReadTimeout: attempt, WriteTimeout: attempt, PoolTimeout: attempt,
		PoolSize: o.connections(), PipelinePoolSize: -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if l.TLS() {
		u.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			u.TLSConfig = o.TLS.Clone()
		}
	}
	switch {
	case l.Sentinel():
		return goredis.NewFailoverClient(u.Failover())
	case l.Cluster():
		c := u.Cluster()
		c.DisableRoutingPolicies = true // each of our commands names its key
		return goredis.NewClusterClient(c)
	}
	return goredis.NewClient(u.Simple())
}

// do sends commands together, one round trip for each server concerned. It sends those again that got no answer, at
// most attempts times in all and within the budget. It returns one reply for each command.
func (s *connection) do(ctx context.Context, attempts int, commands ...command) ([]reply, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	replies := make([]reply, len(commands))
	if !s.sendAll(ctx, attempts, commands, replies) {
		return nil, unavailable(ctx, nil)
	}
	for i, c := range commands {
		s.suspects.note(c, replies[i].err)
		replies[i].err = contractError(ctx, replies[i].err)
	}
	return replies, nil
}

// doOne sends one command, as often as the budget allows.
func (s *connection) doOne(ctx context.Context, c command) (any, error) {
	replies, err := s.do(ctx, maxAttempts, c)
	if err != nil {
		return nil, err
	}
	return replies[0].value, replies[0].err
}

// retryPauses are the pauses between attempts, each shortened at random by up to a half. A server that restarts or
// fails over is often back within them.
var retryPauses = [...]time.Duration{20 * time.Millisecond, 80 * time.Millisecond, 250 * time.Millisecond}

// maxAttempts is how often a command is sent.
const maxAttempts = len(retryPauses) + 1

// pause waits between half of d and d. It returns false if the context ended.
func (s *connection) pause(ctx context.Context, d time.Duration) bool {
	var b [1]byte
	_, _ = s.random.Read(b[:]) // no jitter is no harm
	timer := time.NewTimer(d/2 + d*time.Duration(b[0])/512)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sendAll sends commands until each has an answer that no other attempt would change. It returns false if the context
// ended before.
func (s *connection) sendAll(ctx context.Context, attempts int, commands []command, replies []reply) bool {
	r := &request{commands: commands, began: time.Now()}
	for i := 0; ; i++ {
		got, err := s.roundTrip(ctx, r)
		if err == nil {
			got, err = s.teach(ctx, r, got)
		}
		if err != nil {
			return false
		}
		var again []command
		repeated := r.repeated
		for n, k := 0, 0; n < len(replies); n++ { // those without an answer yet, in order
			if i > 0 && !retryable(replies[n].err) {
				continue
			}
			before := replies[n].err
			if replies[n] = got[k]; retryable(got[k].err) {
				replies[n].err = sayingMore(before, got[k].err)
				again = append(again, r.commands[k])
				repeated = repeated || !replied(got[k].err) // what a server refused, it did not do
			}
			k++
		}
		if len(again) == 0 || i+1 >= attempts || time.Since(r.began)+retryPauses[i] > s.latest {
			return true
		}
		s.reload(ctx)
		if !s.pause(ctx, retryPauses[i]) {
			return false
		}
		r = &request{commands: again, repeated: repeated, began: r.began}
	}
}

// teach sends the scripts that a server did not know yet once more, by their bodies.
func (s *connection) teach(ctx context.Context, r *request, replies []reply) ([]reply, error) {
	var unknown []int
	for i := range replies {
		if goredis.HasErrorPrefix(replies[i].err, "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return replies, nil
	}
	again := &request{repeated: r.repeated, body: true, began: r.began}
	for _, i := range unknown {
		again.commands = append(again.commands, r.commands[i])
	}
	got, err := s.roundTrip(ctx, again)
	for k := range got {
		replies[unknown[k]] = got[k]
	}
	return replies, err
}

// reload lets the client of a Cluster ask again who the masters are: one may be another by now.
func (s *connection) reload(ctx context.Context) {
	if c := s.cluster(); c != nil {
		c.ReloadState(ctx)
	}
}

// eachMaster calls f for every server that takes writes, all at once.
func (s *connection) eachMaster(ctx context.Context, f func(context.Context, *goredis.Client) error) error {
	switch c := s.client.(type) {
	case *goredis.ClusterClient:
		return c.ForEachMaster(ctx, f)
	case *goredis.Client:
		return f(ctx, c)
	}
	return errors.New("store/redis: no such client")
}

// begin counts a call that the caller ends by calls.Done. It returns store.ErrUnavailable if the context has ended or
// the store is closed.
func (s *connection) begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return unavailable(ctx, nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: it is closed", store.ErrUnavailable)
	}
	s.calls.Add(1)
	return nil
}

// bounded runs f, which does not use the pipeline, under the budget. It returns when the caller's context or the budget
// ends, even if f has not returned; f then ends by itself, by the client's own time limits. The error is
// store.ErrUnavailable.
func bounded[T any](s *connection, ctx context.Context, f func(context.Context) T) (T, error) {
	var none T
	if err := s.begin(ctx); err != nil {
		return none, err
	}
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

func (s *connection) close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.calls.Wait()
	s.pipeline.close()
	return s.client.Close()
}

// mark returns a random mark that nobody else makes.
func (s *connection) mark() (string, error) {
	var b [9]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("store/redis: no random bytes for a mark: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// number and text read a reply of the server, which gives whole numbers of scores as text; flat reads a list.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(v, 64) // a score in scientific notation
		return int64(f)
	}
	return 0
}

func text(v any) string {
	t, _ := v.(string)
	return t
}

func flat(v any) []any {
	l, _ := v.([]any)
	return l
}

// decimal writes a whole number as an argument.
func decimal[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }
