package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The instruments of these tests must themselves be seen to work.

func TestSightSeesEachFault(t *testing.T) {
	p := visitor(t, chromium(t), "http://nowhere.example")
	const good = `<button style="width:9em;height:48px">Press</button><label for="a">Name</label><input id="a" style="height:48px">`
	for name, row := range map[string]struct{ body, finds string }{
		"nothing":            {good, ""},
		"pale text":          {good + `<p style="color:#888">Pale</p>`, "color 3.54:1"},
		"half pale":          {good + `<p style="color:rgb(0 0 0 / 0.5)">Pale</p>`, "color 3.98:1"},
		"dark on dark":       {good + `<div style="background:#444"><p style="color:#000">Dark</p></div>`, "color 2.16:1"},
		"a pale field":       {good + `<label for="b">B</label><input id="b" style="height:48px;border:1px solid #ccc">`, "borderTopColor 1.61:1"},
		"a wide table":       {good + `<table><td style="min-width:600px">Wide</td></table>`, "it scrolls sideways"},
		"a small button":     {good + `<button>Small</button>`, "too small to press"},
		"a field unlabelled": {good + `<input style="height:48px">`, "no label"},
		"a ticked box":       {good + `<label style="display:block;height:48px">I agree<input type="checkbox" checked></label>`, "ticked beforehand"},
		"an empty button":    {good + `<button style="width:9em;height:48px"></button>`, "nothing to read on it"},
		"a lost description": {good + `<p aria-describedby="c">Lost</p>`, "aria-describedby leads nowhere"},
		"two headings":       {good + `<h1>Again</h1>`, "not one h1"},
	} {
		page := `<!doctype html><html lang="en"><title>T</title><meta name="viewport" content="width=device-width"><body><main><h1>H</h1>` + row.body
		p.do(chromedp.EmulateViewport(360, 800), chromedp.Navigate("data:text/html,"+url.PathEscape(page)))
		found := ask[[]string](p, sight)
		if (row.finds == "") != (len(found) == 0) || !strings.Contains(strings.Join(found, "\n"), row.finds) {
			t.Errorf("%s: sight finds %q, not %q", name, found, row.finds)
		}
	}
}

func TestAProfileHearsWhatGoesWrongUnseen(t *testing.T) {
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	var body string
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		fmt.Fprint(w, `<!doctype html><title>T</title><link rel="icon" href="data:,">`, body)
	}))
	defer own.Close()
	browser := chromium(t)
	for name, row := range map[string]struct{ body, hears string }{
		"nothing":                {`<h1>Fine</h1>`, ""},
		"a stranger's image":     {`<img src="` + stranger.URL + `/pixel">`, "a request to " + stranger.URL},
		"a refused style":        {`<p style="color:red">Red</p>`, "Content Security Policy"},
		"a lost sheet":           {`<script src="/assets/lost.js"></script>`, "404"},
		"a word for the console": {`<script>console.log("hello")</script>`, "the console was written to"},
		"an exception":           {`<script>nobody()</script>`, "an exception"},
	} {
		body = row.body
		p := visitor(t, browser, own.URL)
		p.open(own.URL)
		p.mu.Lock()
		heard := strings.Join(p.problems, "\n")
		p.problems = nil
		p.mu.Unlock()
		if (row.hears == "") != (heard == "") || !strings.Contains(heard, row.hears) {
			t.Errorf("%s: hears %q, not %q", name, heard, row.hears)
		}
	}
}
