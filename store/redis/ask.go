package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// question is one command: a script with its keys and arguments, or a plain command. What it holds must not change
// afterwards: an attempt may outlive its caller.
type question struct {
	script script
	keys   []string
	args   []any
	plain  []any
}

// answer is what came back; a nil reply of the server is a nil value and no error.
type answer struct {
	value any
	err   error
}

func get(key string) question { return question{plain: []any{"get", key}} }

// ask sends the questions together, one round trip for each server concerned, and asks those again, at most tries times
// in all and within the budget, that were not answered. It gives one answer for each.
func (s *Store) ask(ctx context.Context, tries int, questions ...question) ([]answer, error) {
	answers, err := within(s, ctx, func(ctx context.Context) []answer { return s.attempt(ctx, tries, questions) })
	for i := range answers {
		answers[i].err = failure(ctx, answers[i].err)
	}
	return answers, err
}

// attempt is ask without a budget of its own, and with the client's errors.
func (s *Store) attempt(ctx context.Context, tries int, questions []question) []answer {
	out := make([]answer, len(questions))
	open := make([]int, len(questions))
	for i := range open {
		open[i] = i
	}
	s.persist(ctx, tries, func(again bool) bool {
		open = s.send(ctx, again, questions, open, out)
		return len(open) == 0
	})
	return out
}

// askOne asks one question, as often as the budget allows.
func (s *Store) askOne(ctx context.Context, q question) (any, error) {
	answers, err := s.ask(ctx, len(waits)+1, q)
	if err != nil {
		return nil, err
	}
	return answers[0].value, answers[0].err
}

// waits are the pauses between attempts, each shortened at random by up to a half. A server that restarts or
// fails over is often back within them.
var waits = [...]time.Duration{20 * time.Millisecond, 80 * time.Millisecond, 250 * time.Millisecond}

// persist calls try until it says that it is done.
func (s *Store) persist(ctx context.Context, tries int, try func(again bool) (done bool)) {
	for i := 0; ; i++ {
		if try(i > 0) || i+1 >= tries || ctx.Err() != nil {
			return
		}
		if c, ok := s.client.(*goredis.ClusterClient); ok {
			c.ReloadState(ctx) // the master may be another by now
		}
		if !s.pause(ctx, waits[i]) {
			return
		}
	}
}

// pause waits between half of d and d; false: the context ended.
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

// send asks the open questions once and returns those worth asking again. A server that does not know a script yet
// is given it at once.
func (s *Store) send(ctx context.Context, repeated bool, questions []question, open []int, out []answer) []int {
	var unknown, retry []int
	s.exchange(ctx, repeated, false, questions, open, out)
	for _, i := range open {
		if goredis.HasErrorPrefix(out[i].err, "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		s.exchange(ctx, repeated, true, questions, unknown, out)
	}
	for _, i := range open {
		if again(out[i].err) {
			retry = append(retry, i)
		}
	}
	return retry
}

// exchange is the round trip.
func (s *Store) exchange(ctx context.Context, repeated, whole bool, questions []question, open []int, out []answer) {
	commands := make([]*goredis.Cmd, len(open))
	for n, i := range open {
		commands[n] = goredis.NewCmd(ctx, questions[i].words(repeated, whole)...)
	}
	if len(commands) == 1 {
		_ = s.client.Process(ctx, once{commands[0]})
	} else {
		pipe := s.client.Pipeline()
		for _, c := range commands {
			_ = pipe.Process(ctx, once{c})
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
	}
	for n, i := range open {
		value, err := commands[n].Result()
		if errors.Is(err, goredis.Nil) {
			err = nil
		}
		out[i] = answer{value: value, err: err}
	}
}

func (q question) words(repeated, whole bool) []any {
	if q.plain != nil {
		return q.plain
	}
	words := make([]any, 0, 4+len(q.keys)+len(q.args))
	if whole {
		words = append(words, "eval", q.script.body)
	} else {
		words = append(words, "evalsha", q.script.sha)
	}
	words = append(words, len(q.keys))
	for _, k := range q.keys {
		words = append(words, k)
	}
	if repeated {
		words = append(words, "1")
	} else {
		words = append(words, "0")
	}
	return append(words, q.args...)
}
