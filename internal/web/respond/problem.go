package respond

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// RetryStore is how long to wait for a store that cannot be reached.
const RetryStore = 5 * time.Second

// ProblemOf returns the problem for an error of a handler, or internal_error if there is none.
func ProblemOf(err error) *problem.Error {
	if p := new(problem.Error); errors.As(err, &p) {
		return p
	}
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return problem.Later(problem.Busy, exceeded.Wait())
	}
	if e := new(echo.HTTPError); errors.As(err, &e) {
		switch e.Code {
		case http.StatusNotFound:
			return problem.New(problem.NotFound)
		case http.StatusMethodNotAllowed:
			return problem.New(problem.MethodNotAllowed)
		}
	}
	for _, row := range []struct {
		is   error
		code problem.Code
		wait time.Duration
	}{
		{token.ErrUnknown, problem.LinkUnknown, 0},
		{confirm.ErrLost, problem.LinkLost, 0},
		{consent.ErrExpired, problem.LinkExpired, 0},
		{consent.ErrDeclined, problem.Declined, 0},
		{consent.ErrWithdrawn, problem.Withdrawn, 0},
		{idempotency.ErrKey, problem.IdempotencyKeyInvalid, 0},
		{idempotency.ErrReused, problem.IdempotencyKeyReused, 0},
		{idempotency.ErrRunning, problem.IdempotencyKeyRunning, time.Second},
		{store.ErrUnavailable, problem.Unavailable, RetryStore},
		{context.DeadlineExceeded, problem.Unavailable, RetryStore},
		{context.Canceled, problem.Unavailable, RetryStore},
	} {
		if errors.Is(err, row.is) {
			return problem.Later(row.code, row.wait)
		}
	}
	return problem.New(problem.InternalError)
}
