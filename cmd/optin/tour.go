package main

import (
	"bytes"
	"context"
	"net/http"
)

// newTour returns the handler of the demo's first page, /, which leads from the signup page to the documentation.
func newTour(lookup, password string) (http.Handler, error) {
	var page bytes.Buffer
	err := tourPage(lookup, password).Render(context.Background(), &page)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store") // it has the password
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		_, _ = w.Write(page.Bytes()) // the reader may have gone
	}), err
}
