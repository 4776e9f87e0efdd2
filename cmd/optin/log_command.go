package main

import (
	"context"
	"fmt"

	"github.com/optin/optin/internal/config"
)

// logCommand is a command that changes the store by what the consent log has. T is what it did: a sentence for people,
// or JSON for programs.
type logCommand[T fmt.Stringer] struct {
	*call
	run func(context.Context, *config.Config, *call) (T, error)
}

func (l logCommand[T]) main(ctx context.Context, args []string) int {
	rest, code, ok := l.parse(args)
	if !ok {
		return code
	}
	return l.do(ctx, rest)
}

// do is main after the flags were parsed.
func (l logCommand[T]) do(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return l.unexpected(rest[0])
	}
	cfg, err := logConfig(l.config, l.env)
	if err != nil {
		return l.badConfig(err)
	}
	did, err := l.run(ctx, cfg, l.call)
	if err != nil {
		return l.fail(exitFailed, err)
	}
	return l.done(did, did.String())
}
