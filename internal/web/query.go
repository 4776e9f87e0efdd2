package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// query is what stands behind the question mark, read as strictly as a body: a parameter that the call does not know, or that comes
// twice, would silently ask for something else.
type query struct {
	values url.Values
	wrong  []fieldError
}

func readQuery(r *http.Request, known ...string) (*query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(codeQuery)
	}
	for name, all := range values {
		if !slices.Contains(known, name) || len(all) > 1 || !utf8.ValidString(all[0]) {
			return nil, refuse(codeQuery)
		}
	}
	return &query{values: values}, nil
}

func (q *query) get(name string) string { return q.values.Get(name) }

func (q *query) fail(name string, c code) { q.wrong = append(q.wrong, wrongField(name, c)) }

// err is what is wrong with the parameters, or nil.
func (q *query) err() error {
	if len(q.wrong) == 0 {
		return nil
	}
	return refuseFields(q.wrong)
}

// one is a parameter that is one of a few words; empty if it is not there.
func (q *query) one(name string, of ...string) string {
	v := q.get(name)
	if v != "" && !slices.Contains(of, v) {
		q.fail(name, codeChoice)
		return ""
	}
	return v
}

// number is a parameter from 1 to most.
func (q *query) number(name string, without, most int) int {
	v := q.get(name)
	if v == "" {
		return without
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		q.fail(name, codeNumber)
		return without
	}
	return n
}

// time is a parameter that is a time of RFC 3339, or a date: its first moment, or with end the first one after it (UTC).
func (q *query) time(name string, end bool) time.Time {
	v := q.get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := readTime(v, end)
	if err != nil {
		q.fail(name, codeTime)
	}
	return t
}

// day is a parameter that is a date, as 2006-01-02.
func (q *query) day(name string, without time.Time) time.Time {
	v := q.get(name)
	if v == "" {
		return without
	}
	t, err := time.Parse(time.DateOnly, v)
	if err != nil {
		q.fail(name, codeDate)
		return without
	}
	return t
}

func isDate(text string) bool { _, err := time.Parse(time.DateOnly, text); return err == nil }

// errZeroTime is of a time that nobody set, as Go and others write it: here it would mean that there is none.
var errZeroTime = errors.New("web: the zero time")

// readTime reads a time of RFC 3339, to the millisecond; or a date: its first moment, or with end the first one after it (UTC).
func readTime(text string, end bool) (time.Time, error) {
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
