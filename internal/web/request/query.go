package request

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
)

// Query is what stands behind the question mark, read as strictly as a body: a parameter that the call does not know,
// or that comes twice, would silently ask for something else.
type Query struct {
	values url.Values
	wrong  []problem.Field
}

// ParseQuery reads a query that may have the known parameters.
func ParseQuery(c echo.Context, known ...string) (*Query, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, problem.New(problem.QueryInvalid)
	}
	for name, all := range values {
		if !slices.Contains(known, name) || len(all) > 1 || !utf8.ValidString(all[0]) {
			return nil, problem.New(problem.QueryInvalid)
		}
	}
	return &Query{values: values}, nil
}

// Get returns a parameter; empty if it is not there.
func (q *Query) Get(name string) string { return q.values.Get(name) }

// Fail says that a parameter is wrong.
func (q *Query) Fail(name string, c problem.Code) {
	q.wrong = append(q.wrong, problem.Field{Name: name, Code: c})
}

// Err returns what is wrong with the parameters that were read, or nil.
func (q *Query) Err() error {
	if len(q.wrong) == 0 {
		return nil
	}
	return problem.InFields(q.wrong...)
}

// OneOf returns a parameter that is one of a few words; empty if it is not there.
func (q *Query) OneOf(name string, words ...string) string {
	v := q.Get(name)
	if v != "" && !slices.Contains(words, v) {
		q.Fail(name, problem.ChoiceUnknown)
		return ""
	}
	return v
}

// Number returns a parameter from 1 to most, or without if it is not there.
func (q *Query) Number(name string, without, most int) int {
	v := q.Get(name)
	if v == "" {
		return without
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		q.Fail(name, problem.NumberInvalid)
		return without
	}
	return n
}

// Time returns a parameter that is a time or a date, as ParseTime reads it; the zero time if it is not there.
func (q *Query) Time(name string, end bool) time.Time {
	v := q.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := ParseTime(v, end)
	if err != nil {
		q.Fail(name, problem.TimeInvalid)
	}
	return t
}

// Day returns a parameter that is a date, as 2006-01-02, or without if it is not there.
func (q *Query) Day(name string, without time.Time) time.Time {
	v := q.Get(name)
	if v == "" {
		return without
	}
	t, err := time.Parse(time.DateOnly, v)
	if err != nil {
		q.Fail(name, problem.DateInvalid)
		return without
	}
	return t
}

// IsDate reports whether a text is a date, as 2006-01-02.
func IsDate(text string) bool { _, err := time.Parse(time.DateOnly, text); return err == nil }

// errZeroTime is the error of a time that nobody set, as Go and others write it: here it would mean that there is none.
var errZeroTime = errors.New("request: the zero time")

// ParseTime reads a time of RFC 3339, to the millisecond; or a date, which is its first moment, or with end the first
// one after it (UTC).
func ParseTime(text string, end bool) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC().Truncate(time.Millisecond)
	if err == nil && t.IsZero() {
		err = errZeroTime
	}
	return t, err
}
