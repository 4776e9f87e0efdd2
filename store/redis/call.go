package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
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

// do sends commands together, one round trip for each server concerned. It sends those again that got no answer, at most
// attempts times in all and within the budget. It returns one reply for each command.
func (s *Store) do(ctx context.Context, attempts int, commands ...command) ([]reply, error) {
	replies, err := bounded(s, ctx, func(ctx context.Context) []reply { return s.send(ctx, attempts, commands) })
	for i := range replies {
		replies[i].err = contractError(ctx, replies[i].err)
	}
	return replies, err
}

// doOne sends one command, as often as the budget allows.
func (s *Store) doOne(ctx context.Context, c command) (any, error) {
	replies, err := s.do(ctx, maxAttempts, c)
	if err != nil {
		return nil, err
	}
	return replies[0].value, replies[0].err
}

// retryPauses are the pauses between attempts, each shortened at random by up to a half. A server that restarts or fails
// over is often back within them.
var retryPauses = [...]time.Duration{20 * time.Millisecond, 80 * time.Millisecond, 250 * time.Millisecond}

// maxAttempts is how often a command is sent.
const maxAttempts = len(retryPauses) + 1

// retry calls attempt until it reports that it is done.
func (s *Store) retry(ctx context.Context, attempts int, attempt func(repeated bool) (done bool)) {
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
func (s *Store) pause(ctx context.Context, d time.Duration) bool {
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
func (s *Store) send(ctx context.Context, attempts int, commands []command) []reply {
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
func (s *Store) sendOnce(ctx context.Context, repeated bool, commands []command, open []int, replies []reply) []int {
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
func (s *Store) roundTrip(ctx context.Context, repeated, withBody bool, commands []command, open []int, replies []reply) {
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
