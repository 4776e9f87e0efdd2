package admin

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/store"
)

// pathWith returns a path with a query, and more parameters in pairs, of which empty ones are left out.
func pathWith(path string, of url.Values, more ...string) string {
	all := url.Values{}
	for name, v := range of {
		all[name] = v
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			all.Set(more[i], more[i+1])
		}
	}
	if len(all) == 0 {
		return path
	}
	return path + "?" + all.Encode()
}

// withQuery adds parameters, in pairs, to a path that may have a query.
func withQuery(path, query string, more ...string) string {
	of, err := url.ParseQuery(query)
	if err != nil {
		of = nil
	}
	return pathWith(path, of, more...)
}

// cursorText writes a cursor for an address: it names nobody.
func cursorText(at store.Cursor) string {
	return strconv.FormatInt(at.Created.UnixMilli(), 36) + "." + at.ID
}

// parseCursor is the reverse of cursorText.
func parseCursor(text string) (store.Cursor, error) {
	ms, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(ms, 36, 64)
	if !ok || err != nil || len(ms) > 9 || len(id) > 22 {
		return store.Cursor{}, problem.New(problem.CursorInvalid)
	}
	return store.Cursor{Created: time.UnixMilli(n).UTC(), ID: id}, nil
}
