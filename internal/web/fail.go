package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// retryAway is how long to wait for a store that is away.
const retryAway = 5 * time.Second

// known turns what the inner packages answer into what is told outside. Anything not listed broke on our side.
func known(err error) *refusal {
	if told := new(refusal); errors.As(err, &told) {
		return told
	}
	if busy := new(confirm.LimitError); errors.As(err, &busy) {
		return &refusal{code: codeBusy, after: busy.Wait}
	}
	for _, row := range []struct {
		is   error
		tell refusal
	}{
		{token.ErrUnknown, refusal{code: codeLink}},
		{consent.ErrExpired, refusal{code: codeExpired}},
		{consent.ErrDeclined, refusal{code: codeDeclined}},
		{consent.ErrWithdrawn, refusal{code: codeWithdrawn}},
		{store.ErrUnavailable, refusal{code: codeAway, after: retryAway}},
		{context.DeadlineExceeded, refusal{code: codeAway, after: retryAway}},
		{context.Canceled, refusal{code: codeAway, after: retryAway}},
	} {
		if errors.Is(err, row.is) {
			return &row.tell
		}
	}
	return &refusal{code: codeBroken}
}

// fail answers an error: as a page to people, else as a problem.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	x, e := exchangeOf(r), known(err)
	status, _ := e.code.words()
	if status >= http.StatusInternalServerError && x.cause == nil {
		x.cause = err
	}
	if e.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(e.after)))
	}
	if e.rate != nil {
		e.rate.tell(w.Header())
	}
	if !wantsPage(r) {
		s.problem(w, e)
		return
	}
	if e.code == codeLink {
		s.unknownLink(w, r)
		return
	}
	p := templates.Failure{Status: status, Code: string(e.code), RetryAfter: e.after, Errors: told(e.fields)}
	if x.site != nil {
		p.Site = x.site.Show
		if x.framed { // or who is refused inside a frame would see nothing at all
			w.Header().Set("Content-Security-Policy", policy("", "'self'", x.site.ancestors))
		}
	}
	if err := s.page(w, status, s.language(r, x.site), p); err != nil {
		x.cause = errors.Join(x.cause, err)
		s.problem(w, e)
	}
}

// told are field errors as pages tell them.
func told(fields []fieldError) []templates.FieldError {
	var all []templates.FieldError
	for _, f := range fields {
		all = append(all, templates.FieldError{Field: f.Field, Code: string(f.Code)})
	}
	return all
}

// problem writes an RFC 9457 problem. Its type leads to what the description of the API says of its code.
func (s *Server) problem(w http.ResponseWriter, e *refusal) {
	status, detail := e.code.words()
	about := s.opt.PublicURL.JoinPath("docs")
	about.Fragment = "code-" + string(e.code)
	body := struct {
		Type   string       `json:"type"`
		Title  string       `json:"title"`
		Status int          `json:"status"`
		Detail string       `json:"detail"`
		Code   code         `json:"code"`
		Errors []fieldError `json:"errors,omitempty"`
		demand
	}{about.String(), http.StatusText(status), status, detail, e.code, e.fields, demand{}}
	if e.owes != nil {
		body.demand = *e.owes
	}
	writeJSON(w, status, "application/problem+json", body)
}

// writeJSON writes an answer for programs.
func writeJSON(w http.ResponseWriter, status int, mediaType string, x any) {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err) // our own types
	}
	vary(w.Header(), "Accept")
	write(w, status, mediaType, append(b, '\n'))
}

// write writes a whole answer. Its length is said, so that HEAD says the same as GET.
func write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // nobody is left to be told
}

// vary adds what an answer depends on, once.
func vary(h http.Header, names ...string) {
	for _, n := range names {
		if !slices.Contains(h.Values("Vary"), n) {
			h.Add("Vary", n)
		}
	}
}

// seconds rounds up, for Retry-After.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
