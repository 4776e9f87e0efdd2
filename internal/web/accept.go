package web

import (
	"net/http"
	"strconv"
	"strings"
)

// asksFor says what the Accept header names, of a page and JSON (or a problem), by its weights (RFC 9110 12.5.1): page, json, or
// neither. A wildcard names neither: then the route decides.
func asksFor(r *http.Request) (page, json bool) {
	var forPage, forJSON float64
	for entry := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, params, _ := strings.Cut(entry, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "application/xhtml+xml":
			forPage = max(forPage, weight(params))
		case mediaJSON, "application/problem+json":
			forJSON = max(forJSON, weight(params))
		}
	}
	return forPage > 0 && forPage >= forJSON, forJSON > forPage
}

func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// wantsPage tells whether the answer is to be a page.
func wantsPage(r *http.Request) bool {
	page, json := asksFor(r)
	return page || exchangeOf(r).person && !json
}
