package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// idempotent is the middleware for requests with an Idempotency-Key: each is carried out once.
type idempotent struct{ keys *idempotency.Store }

// once is middleware for a call whose response may be stored and repeated.
func (i *idempotent) once(next echo.HandlerFunc) echo.HandlerFunc {
	return i.carryOutOnce(next, nil, false)
}

// oncePersonal is middleware for a call whose response is about a person and is not stored: the handler again makes the
// response to a repeated request. Such a call takes consent back, and does so once by itself: where a full store keeps
// no key, it is carried out without.
func (i *idempotent) oncePersonal(again echo.HandlerFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc { return i.carryOutOnce(next, again, true) }
}

// carryOutOnce carries out a request once. With again, the response is not stored, and again makes it once more.
// withoutKeys says that the request is carried out also where no key can be kept.
func (i *idempotent) carryOutOnce(next, again echo.HandlerFunc, withoutKeys bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := idempotencyRequest(c)
		if err != nil {
			return err
		}
		if r.Key == "" {
			return next(c)
		}
		claim, response, err := i.keys.Begin(c.Request().Context(), r)
		switch {
		case withoutKeys && errors.Is(err, store.ErrUnavailable):
			return next(c)
		case err != nil:
			return err
		case claim != nil:
			return carryOut(c, claim, next, again != nil)
		}
		c.Response().Header().Set("Idempotency-Replayed", "true")
		if response.Personal {
			return again(c)
		}
		(&recorder{header: response.Header, status: response.Status, body: response.Body}).send(c)
		return nil
	}
}

// requestID returns a name of a request that is the same for the same Idempotency-Key and body; empty without a key.
func (i *idempotent) requestID(c echo.Context) string {
	r, err := idempotencyRequest(c)
	if err != nil || r.Key == "" {
		return ""
	}
	return i.keys.ID(r)
}

// idempotencyRequest returns what package idempotency needs to know of a request.
func idempotencyRequest(c echo.Context) (idempotency.Request, error) {
	r, st := c.Request(), request.StateOf(c)
	key, err := idempotency.ParseKey(r.Header.Values("Idempotency-Key"))
	if err != nil {
		return idempotency.Request{}, err
	}
	caller := st.APIKey
	if caller == "" {
		caller = "public"
	}
	media, _ := request.MediaType(r)
	return idempotency.Request{Key: key, Caller: caller, Site: c.Param("site"), Method: r.Method, Path: r.URL.Path,
		Media: media, Body: st.Body}, nil
}

// carryOut carries out the request that has claimed a key, records the response, stores it, and sends it.
func carryOut(c echo.Context, claim *idempotency.Claim, next echo.HandlerFunc, personal bool) error {
	client, recorded := c.Response(), &recorder{header: http.Header{}}
	defer func() {
		c.SetResponse(client)
		if recorded.status == 0 { // it panicked
			_ = claim.Release(c.Request().Context())
		}
	}()
	c.SetResponse(echo.NewResponse(recorded, c.Echo()))
	if err := next(c); err != nil {
		c.Error(err)
	}
	c.SetResponse(client)
	ctx, st, err := c.Request().Context(), request.StateOf(c), error(nil)
	if st.NothingDone {
		err = claim.Release(ctx)
	} else {
		err = claim.Complete(ctx, idempotency.Response{
			Status: recorded.status, Header: recorded.header, Body: recorded.body,
			Personal: personal && recorded.status < http.StatusBadRequest,
		})
	}
	if err != nil {
		st.Cause = errors.Join(st.Cause, err)
	}
	recorded.send(c)
	return nil
}

// recorder is a response that is recorded before it is sent.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, b...)
	return len(b), nil
}

// send sends the response, with the headers that middleware has set already.
func (r *recorder) send(c echo.Context) {
	h := c.Response().Header()
	for name, values := range r.header {
		if name == echo.HeaderVary || name == echo.HeaderSetCookie {
			for _, v := range values {
				h.Add(name, v)
			}
			continue
		}
		h[name] = values
	}
	c.Response().WriteHeader(r.status)
	_, _ = c.Response().Write(r.body) // the client has gone
}
