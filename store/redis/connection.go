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
	args   []any
	plain  []any
}

// reply is what came back; a nil reply of the server is a nil value and no error.
type reply struct {
	value any
	err   error
}

func get(key string) command { return command{plain: []any{"get", key}} }

// connection is the connection to the servers, which all ports share.
type connection struct {
	client goredis.UniversalClient
	budget time.Duration
	random io.Reader

	mu     sync.Mutex // guards closed, and calls while it grows
	closed bool
	calls  sync.WaitGroup // in progress, including those whose callers have gone
}

// connect returns the client for a location. It connects with the first command.
func connect(o Options) goredis.UniversalClient {
	// The client has one logger for all, which writes to the process's standard error. Our errors say the same.
	logging.Disable()

	attempt := o.Budget * 4 / 9 // so that a second attempt fits into the budget, on a connection of its own
	l := o.Location
	u := goredis.UniversalOptions{
		Addrs: l.Hosts, DB: l.Database, MasterName: l.Master,
		Username: l.User, Password: l.Password, SentinelPassword: l.SentinelPassword,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: attempt, ReadTimeout: attempt, WriteTimeout: attempt, PoolTimeout: attempt,
		PoolSize: o.Pool, PipelinePoolSize: -1,
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
	replies, err := bounded(s, ctx, func(ctx context.Context) []reply { return s.send(ctx, attempts, commands) })
	for i := range replies {
		replies[i].err = contractError(ctx, replies[i].err)
	}
	return replies, err
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

// retry calls attempt until it reports that it is done.
func (s *connection) retry(ctx context.Context, attempts int, attempt func(repeated bool) (done bool)) {
	for i := 0; ; i++ {
		if attempt(i > 0) || i+1 >= attempts || ctx.Err() != nil {
			return
		}
		if c, ok := s.client.(*goredis.ClusterClient); ok {
			c.ReloadState(ctx) // the master may be another by now
		}
		if !s.pause(ctx, retryPauses[i]) {
			return
		}
	}
}

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

// send is do without a budget of its own, and with the client's errors.
func (s *connection) send(ctx context.Context, attempts int, commands []command) []reply {
	replies := make([]reply, len(commands))
	open := make([]int, len(commands)) // those without an answer yet
	for i := range open {
		open[i] = i
	}
	s.retry(ctx, attempts, func(repeated bool) bool {
		open = s.sendOnce(ctx, repeated, commands, open, replies)
		return len(open) == 0
	})
	return replies
}

// sendOnce sends the open commands once and returns those worth sending again. A server that does not know a script yet
// is given it at once.
func (s *connection) sendOnce(
	ctx context.Context, repeated bool, commands []command, open []int, replies []reply,
) []int {
	var unknown, again []int
	s.roundTrip(ctx, repeated, false, commands, open, replies)
	for _, i := range open {
		if goredis.HasErrorPrefix(replies[i].err, "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		s.roundTrip(ctx, repeated, true, commands, unknown, replies)
	}
	for _, i := range open {
		if retryable(replies[i].err) {
			again = append(again, i)
		}
	}
	return again
}

// roundTrip sends the open commands, scripts by their bodies if withBody is set.
func (s *connection) roundTrip(
	ctx context.Context, repeated, withBody bool, commands []command, open []int, replies []reply,
) {
	sent := make([]*goredis.Cmd, len(open))
	for n, i := range open {
		sent[n] = goredis.NewCmd(ctx, commands[i].words(repeated, withBody)...)
	}
	if len(sent) == 1 {
		_ = s.client.Process(ctx, noRetry{sent[0]})
	} else {
		pipe := s.client.Pipeline()
		for _, c := range sent {
			_ = pipe.Process(ctx, noRetry{c})
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
	}
	for n, i := range open {
		value, err := sent[n].Result()
		if errors.Is(err, goredis.Nil) {
			err = nil
		}
		replies[i] = reply{value: value, err: err}
	}
}

func (c command) words(repeated, withBody bool) []any {
	if c.plain != nil {
		return c.plain
	}
	words := make([]any, 0, 4+len(c.keys)+len(c.args))
	if withBody {
		words = append(words, "eval", c.script.body)
	} else {
		words = append(words, "evalsha", c.script.sha)
	}
	words = append(words, len(c.keys))
	for _, k := range c.keys {
		words = append(words, k)
	}
	if repeated {
		words = append(words, "1")
	} else {
		words = append(words, "0")
	}
	return append(words, c.args...)
}

// noRetry is a command that the client must not repeat by itself: a Cluster client would, whatever MaxRetries says. It
// still follows a redirection.
type noRetry struct{ *goredis.Cmd }

func (noRetry) NoRetry() bool { return true }

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

// bounded runs f under the budget, and returns when the caller's context or the budget ends, even if f has not
// returned; f then ends by itself, by the client's own time limits. The error is store.ErrUnavailable.
func bounded[T any](s *connection, ctx context.Context, f func(context.Context) T) (T, error) {
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

func (s *connection) close() error {
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
