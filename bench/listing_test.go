package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// measureListing reads n subscriptions as a website does: page by page from the newest to the oldest, and all at once
// in an export.
func measureListing(s *subject, n int) {
	c := dial(s, s.addr)
	defer c.Close()
	get := func(path string) []byte {
		status, body, err := c.exchange(fmt.Appendf(nil,
			"GET /v1/sites/gazette/%s HTTP/1.1\r\nHost: optin\r\nAuthorization: Bearer %s\r\n\r\n", path, apiKey))
		if err != nil || status != http.StatusOK {
			s.Fatalf("%s: %d, %v: %.300s", path, status, err, body)
		}
		return body
	}
	var pages []float64 // how long each took, in ms
	for cursor, more := "", true; more; {
		var page struct {
			Next *string `json:"next_cursor"`
		}
		began := time.Now()
		body := get("subscriptions?limit=100" + cursor)
		pages = append(pages, milliseconds(time.Since(began)))
		must(s, json.Unmarshal(body, &page))
		if more = page.Next != nil; more {
			cursor = "&cursor=" + url.QueryEscape(*page.Next)
		}
	}
	tenth := len(pages) / 10
	s.against(fmt.Sprintf("a page of 100, of the oldest tenth of %d", n), "ms", median(pages[len(pages)-tenth:]),
		"the newest tenth", median(pages[:tenth]))

	before, began := s.peakRSS(s), time.Now()
	rows := bytes.Count(get("export?format=ndjson"), []byte("\n"))
	if rows < n {
		s.Fatalf("%d of %d subscriptions are exported", rows, n)
	}
	s.add("rows of an export", "/s", float64(rows)/time.Since(began).Seconds())
	s.add("memory that an export adds to the most so far", "MB", (s.peakRSS(s)-before)/1e6)
}
