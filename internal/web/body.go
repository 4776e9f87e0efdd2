package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
)

// MaxBody is the size of the largest body that a call takes unless it says otherwise, in bytes.
const MaxBody = 16 << 10

// readBody returns middleware that reads the whole body into the request's state before the handler runs. It refuses a
// body of more than most bytes, by Content-Length or by what arrives (413), with a Content-Encoding, since an unpacked
// body has no known size (415), and one that does not arrive in time (408).
func readBody(most int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			body, err := []byte(nil), error(problem.New(problem.MediaTypeNotSupported))
			if !isCoded(c.Request()) {
				body, err = bodyOf(c, most)
			}
			if err != nil {
				c.Response().Header().Set(echo.HeaderConnection, "close") // the rest of the body is not read
				return err
			}
			request.StateOf(c).Body = body
			return next(c)
		}
	}
}

// readAnyBody is readBody for a call that is carried out whatever its body says: one that readBody refuses, or that
// breaks off, is taken for one that says nothing.
func readAnyBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		body, err := bodyOf(c, MaxBody)
		if err != nil {
			c.Response().Header().Set(echo.HeaderConnection, "close") // the rest of the body is not read
			// What was waited for it, and that the client has gone, must not end the call.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
			defer cancel()
			c.SetRequest(r.WithContext(ctx))
		}
		if err == nil && !isCoded(r) {
			request.StateOf(c).Body = body
		}
		return next(c)
	}
}

// isCoded reports whether the body of a request has a Content-Encoding.
func isCoded(r *http.Request) bool {
	codings := strings.Join(r.Header.Values(echo.HeaderContentEncoding), ",")
	return codings != "" && !strings.EqualFold(codings, "identity")
}

func bodyOf(c echo.Context, most int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > most {
		return nil, problem.New(problem.TooLarge)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, most))
	tooLarge := new(http.MaxBytesError)
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.New(problem.TooSlow)
	}
	return nil, problem.New(problem.Unreadable)
}
