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

// Query is the query of a URL, read strictly: a parameter that the call does not know, or that comes twice, is an
// error, since ignoring it would return something else than what was meant.
type Query struct {
	values url.Values
	wrong  []problem.Field
}

// ParseQuery parses a query that may have the known parameters only.
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

// Fail notes that a parameter is wrong.
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

// OneOf returns a parameter that must be one of the words; empty if it is missing.
func (q *Query) OneOf(name string, words ...string) string {
	v := q.Get(name)
	if v != "" && !slices.Contains(words, v) {
		q.Fail(name, problem.ChoiceUnknown)
		return ""
	}
	return v
}

// Number returns a parameter that must be from 1 to most, or without if it is missing.
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

// Time returns a parameter that must be a time or a date, as ParseTime reads it; the zero time if it is missing.
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

// Day returns a parameter that must be a date, as 2006-01-02, or without if it is missing.
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

// errZeroTime is the error of the year 1, which programs send for a time that was not set.
var errZeroTime = errors.New("request: the zero time")

// ParseTime parses a time of RFC 3339, cut to the millisecond; or a date, which means its start or, with end, the start
// of the next day (UTC).
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
