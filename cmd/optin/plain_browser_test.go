package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// plainBrowser does what a browser without scripts does: it follows links and redirects, keeps cookies, and submits
// forms.
type plainBrowser struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	status int
	page   *goquery.Document
}

func newPlainBrowser(t *testing.T) *plainBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &plainBrowser{t: t, client: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
}

func (r *plainBrowser) until(what string, ok func() bool) {
	r.t.Helper()
	(&actor{t: r.t}).eventually(what, ok)
}

func (r *plainBrowser) open(where string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, where, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.do(req)
}

func (r *plainBrowser) do(req *http.Request) {
	r.t.Helper()
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	claim(r.t, req.URL.Host)
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	r.at, r.status = resp.Request.URL, resp.StatusCode
	if r.page, err = goquery.NewDocumentFromReader(resp.Body); err != nil {
		r.t.Fatal(err)
	}
}

// follow follows the first link that a selector finds.
func (r *plainBrowser) follow(selector string) {
	r.t.Helper()
	href, ok := r.page.Find(selector).First().Attr("href")
	to, err := r.at.Parse(href)
	if !ok || err != nil {
		r.t.Fatalf("%s has no link %s: %v", r.at, selector, err)
	}
	r.open(to.String())
}

// submit fills in a form and submits it. A box is ticked by giving its value; giving a field that the form does not
// have is an error.
func (r *plainBrowser) submit(selector string, given map[string]string) {
	r.t.Helper()
	form := r.page.Find(selector).First()
	action, ok := form.Attr("action")
	to, err := r.at.Parse(action)
	if !ok || err != nil || form.AttrOr("method", "") != "post" {
		r.t.Fatalf("%s has no form %s that posts: %v", r.at, selector, err)
	}
	values := url.Values{}
	form.Find("input").Each(func(_ int, in *goquery.Selection) {
		name, value := in.AttrOr("name", ""), in.AttrOr("value", "")
		mine, filled := given[name]
		switch kind := in.AttrOr("type", "text"); {
		case kind == "checkbox" && filled && mine == value, kind == "hidden":
			values.Add(name, value)
		case kind != "checkbox":
			values.Add(name, mine)
		}
		delete(given, name)
	})
	if len(given) > 0 {
		r.t.Fatalf("the form at %s does not ask for %v", r.at, given)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, to.String(),
		strings.NewReader(values.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", r.at.Scheme+"://"+r.at.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	r.do(req)
}
