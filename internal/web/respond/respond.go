// Package respond writes whole responses: JSON, pages and redirects.
package respond

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/web/request"
)

// JSON writes a response for programs.
func JSON(c echo.Context, status int, x any) error {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err) // our own types
	}
	Vary(c.Response().Header(), echo.HeaderAccept)
	return Bytes(c, status, request.MediaJSON, append(b, '\n'))
}

// Receipt writes a consent receipt, which browsers keep as a file.
func Receipt(c echo.Context, text string) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="receipt.jwt"`)
	return Bytes(c, http.StatusOK, receipt.MediaType, []byte(text))
}

// HTML writes a page.
func HTML(c echo.Context, status int, page []byte) error {
	return Bytes(c, status, "text/html; charset=utf-8", page)
}

// Bytes writes a whole response, with its Content-Length, so that HEAD has the same headers as GET. It returns nil even
// if the client has gone.
func Bytes(c echo.Context, status int, mediaType string, body []byte) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, mediaType)
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	_ = c.Blob(status, mediaType, body)
	return nil
}

// SeeOther sends a browser on to another page.
func SeeOther(c echo.Context, where string) error {
	h := c.Response().Header()
	Vary(h, echo.HeaderAccept)
	h.Set(echo.HeaderContentLength, "0")
	return c.Redirect(http.StatusSeeOther, where)
}

// RetryAfter sets the header Retry-After, in whole seconds, unless d is 0.
func RetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(Seconds(d)))
	}
}

// Seconds returns a duration in whole seconds, rounded up.
func Seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// Vary adds names to the header Vary, each once.
func Vary(h http.Header, names ...string) {
	for _, n := range names {
		if !slices.Contains(h.Values(echo.HeaderVary), n) {
			h.Add(echo.HeaderVary, n)
		}
	}
}
