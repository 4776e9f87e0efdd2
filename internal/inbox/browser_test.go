package inbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// An email that tries to act by itself in every way does nothing, and a click on its link opens it in the whole window.
func TestAnEmailDoesNothingAndItsLinkOpensInTheWindow(t *testing.T) {
	tab := browsertest.Tab(t, nil)
	i := newInbox(t)
	var acted atomic.Int32
	followed := make(chan string, 10)
	mux := http.NewServeMux()
	mux.Handle("/inbox", i.Handler())
	mux.Handle("/inbox/", i.Handler())
	mux.HandleFunc("/acted", func(http.ResponseWriter, *http.Request) { acted.Add(1) })
	mux.HandleFunc("/c/token", func(_ http.ResponseWriter, r *http.Request) {
		followed <- r.Header.Get("Sec-Fetch-Dest")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	deliver(t, i,
		crlf("Subject: hostile", "Content-Type: text/html", "", strings.ReplaceAll(restless, "URL", server.URL)))

	if err := chromedp.Do(tab, chromedp.Navigate(server.URL+"/inbox/1"), chromedp.WaitVisible("iframe")); err != nil {
		t.Fatal(err)
	}
	box, err := chromedp.Run(tab,
		chromedp.Evaluate[struct{ X, Y float64 }](`document.querySelector("iframe").getBoundingClientRect().toJSON()`))
	if err != nil {
		t.Fatal(err)
	}
	if as := click(tab, t, box.X+60, box.Y+60, followed); as != "document" {
		t.Errorf("the link opened as %q", as)
	}
	for at := ""; at != server.URL+"/c/token"; { // until the window has come there, or the minute is over
		if at, err = chromedp.Run(tab, chromedp.Location()); tab.Err() != nil {
			t.Fatalf("the window is still at %s: %v", at, err)
		}
	}
	if acted.Load() != 0 {
		t.Errorf("the email made %d requests by itself", acted.Load())
	}
}

// click clicks until the link was followed, because a frame that was not painted yet takes no input. It returns the
// Sec-Fetch-Dest of the link.
func click(tab context.Context, t *testing.T, x, y float64, followed <-chan string) string {
	t.Helper()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		if err := chromedp.Do(tab, chromedp.MouseClickXY(x, y)); err != nil {
			t.Fatalf("the click led nowhere: %v", err)
		}
		select {
		case as := <-followed:
			return as
		case <-again.C:
		case <-tab.Done():
			t.Fatal("the click led nowhere")
		}
	}
}

// restless is an email that tries to act by itself. Its link fills the frame.
const restless = `<html><head><meta http-equiv="refresh" content="0;url=URL/acted"><link rel="stylesheet" href="URL/acted">
<script>fetch("URL/acted"); top.location = "URL/acted"; document.forms[0].submit()</script></head>
<body onload="location='URL/acted'"><img src="URL/acted" onerror="top.location='URL/acted'"><iframe src="URL/acted"></iframe>
<form action="URL/acted" method="post"></form>
<a href="URL/c/token" style="position:fixed;inset:0;background:#1f5f4f">Confirm</a></body></html>`
