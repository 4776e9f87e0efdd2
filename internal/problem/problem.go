// Package problem has the one table of everything that can be wrong with a request (table.go): a code, its HTTP status,
// the text for the author of a program, and whether pages have a text of their own for it. The API, the pages, the
// description of the API and the translations all read it.
//
// Programs get a problem as RFC 9457 describes it, and people get a page.
package problem

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Code names a problem. Codes are part of the API.
type Code string

// Problem is one row of the table.
type Problem struct {
	Code   Code
	Status int    // of HTTP
	Detail string // for the author of a program: what happened, and what to do

	// OnForm reports whether the signup page has words of its own for the code ("error." and the code in its
	// translations).
	OnForm bool
	// Anchor is the id of the part of the signup page that the code is shown beside; empty: the form as a whole.
	Anchor string
	// PageOnly reports whether only pages use the code, and no response of the API.
	PageOnly bool
}

// Title returns a short summary of the kind of problem: the text of its status.
func (p Problem) Title() string { return http.StatusText(p.Status) }

// Of returns the row of a code. A code that is not in the table is the row of InternalError.
func Of(c Code) Problem {
	if p, ok := rows[c]; ok {
		return p
	}
	return rows[InternalError]
}

// All returns the table in the order of its codes.
func All() []Problem { return slices.Clone(table) }

// rows is the table by code.
var rows = func() map[Code]Problem {
	m := map[Code]Problem{}
	for _, p := range table {
		m[p.Code] = p
	}
	return m
}()

// Status returns the HTTP status of a code.
func (c Code) Status() int { return Of(c).Status }

// Field is what is wrong with one field of a body, or with one parameter.
type Field struct {
	Name string
	Code Code
}

// MarshalJSON writes a field with the detail of its code.
func (f Field) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Field  string `json:"field"`
		Code   Code   `json:"code"`
		Detail string `json:"detail"`
	}{f.Name, f.Code, Of(f.Code).Detail})
}

// Error is a problem as an error.
type Error struct {
	Code       Code
	Fields     []Field       // what is wrong with the fields; may be empty
	RetryAfter time.Duration // 0: unknown
	// Extensions are further members of the problem (RFC 9457, section 3.2).
	Extensions map[string]any
}

func (e *Error) Error() string { return "refused: " + string(e.Code) }

// New returns a problem without fields.
func New(c Code) *Error { return &Error{Code: c} }

// Later returns a problem that may be gone after a while.
func Later(c Code, after time.Duration) *Error { return &Error{Code: c, RetryAfter: after} }

// InFields returns the problem of the first of some fields, of which there must be one.
func InFields(fields ...Field) *Error { return &Error{Code: fields[0].Code, Fields: fields} }

// Document returns a problem as application/problem+json. typeURI is the address of the documentation of the code.
func (e *Error) Document(typeURI string) ([]byte, error) {
	p := Of(e.Code)
	b, err := json.Marshal(struct {
		Type   string  `json:"type"`
		Title  string  `json:"title"`
		Status int     `json:"status"`
		Detail string  `json:"detail"`
		Code   Code    `json:"code"`
		Errors []Field `json:"errors,omitempty"`
	}{typeURI, p.Title(), p.Status, p.Detail, p.Code, e.Fields})
	if err != nil || len(e.Extensions) == 0 {
		return b, err
	}
	more, err := json.Marshal(e.Extensions)
	if err != nil {
		return nil, err
	}
	b[len(b)-1] = ',' // two objects are written as one
	return append(b, more[1:]...), nil
}
