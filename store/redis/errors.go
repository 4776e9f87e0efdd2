package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// temporary are errors of the server, by their first word, that may be over within the budget: the same command is sent
// again. Any other remains until somebody does something.
var temporary = []string{
	"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY",
	"max number of clients",
}

// unavailable wraps a failure as store.ErrUnavailable. The end of the caller's context stays recognisable; that of
// our own time limits must not be taken for it.
func unavailable(ctx context.Context, cause error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ended)
	}
	if cause == nil {
		return fmt.Errorf("%w: Redis does not answer", store.ErrUnavailable)
	}
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%w: Redis does not answer: %s", store.ErrUnavailable, cause.Error())
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, cause)
}

// contractError turns the error of one command into one of the contract. Whatever a server refuses, in its own words or
// by saying nothing, it did not do what it was asked: none of it is an answer.
func contractError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return unavailable(ctx, err)
}

// retryable reports whether sending the same command again may help within the budget.
func retryable(err error) bool {
	return err != nil && (!replied(err) || isTemporary(err)) && !errors.Is(err, goredis.ErrClosed)
}

// replied reports whether the error is the server's own words.
func replied(err error) bool {
	var words goredis.Error
	return errors.As(err, &words)
}

// sayingMore returns the error of two attempts that says more of why both failed: the server's own words, if it had any
// before it did not answer at all.
func sayingMore(before, now error) error {
	if before != nil && replied(before) && !replied(now) {
		return before
	}
	return now
}

// isTemporary looks for a word of temporary at the start, and where servers before Redis 7 put the error of a command
// inside a script.
func isTemporary(err error) bool {
	text := err.Error()
	for _, w := range temporary {
		if strings.HasPrefix(strings.TrimPrefix(text, "ERR "), w) ||
			strings.Contains(text, "-"+w+" ") {
			return true
		}
	}
	return false
}
