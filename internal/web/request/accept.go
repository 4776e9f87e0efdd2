package request

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// Accepts reports whether the Accept header prefers a page or JSON (or a problem), by its weights (RFC 9110, section
// 12.5.1). With neither named, or only a wildcard, both are false, and the route decides.
func Accepts(r *http.Request) (page, json bool) {
	var forPage, forJSON float64
	for entry := range strings.SplitSeq(strings.Join(r.Header.Values(echo.HeaderAccept), ","), ",") {
		media, params, _ := strings.Cut(entry, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "application/xhtml+xml":
			forPage = max(forPage, weight(params))
		case MediaJSON, "application/problem+json":
			forJSON = max(forJSON, weight(params))
		}
	}
	return forPage > 0 && forPage >= forJSON, forJSON > forPage
}

// AcceptsMedia reports whether the Accept header names a media type itself, and does not refuse it.
func AcceptsMedia(r *http.Request, want string) bool {
	for entry := range strings.SplitSeq(strings.Join(r.Header.Values(echo.HeaderAccept), ","), ",") {
		media, params, _ := strings.Cut(entry, ";")
		if strings.EqualFold(strings.TrimSpace(media), want) && weight(params) > 0 {
			return true
		}
	}
	return false
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

// IsScript reports whether a script of a page sent the request, by fetch or XMLHttpRequest, and not a browser that goes
// to another page: a script cannot follow a redirect to a page of another site.
func IsScript(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "navigate" || strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest")
}

// WantsPage reports whether the response should be a page.
func WantsPage(c echo.Context) bool {
	page, json := Accepts(c.Request())
	if StateOf(c).PrefersHTML {
		return page || !json
	}
	return page && !IsScript(c.Request())
}
