package examples

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// form is the one form of a page, as a browser submits it.
type form struct {
	action string
	fields url.Values
}

// readForm returns a page's form after a person has entered an address and ticked the box, which must not be ticked
// beforehand.
func readForm(t *testing.T, page io.Reader, email string) form {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(page)
	must(t, err)
	f := doc.Find("form")
	if f.Length() != 1 || !strings.EqualFold(f.AttrOr("method", "get"), "post") {
		t.Fatalf("%d forms, by %q", f.Length(), f.AttrOr("method", "get"))
	}
	if box := f.Find("input[type=checkbox][name=consent]"); box.Length() != 1 || f.Find("[checked]").Length() != 0 {
		t.Fatalf("%d consent boxes, and %d boxes ticked beforehand", box.Length(), f.Find("[checked]").Length())
	}
	out := form{f.AttrOr("action", ""), url.Values{}}
	f.Find("input[name]").Each(func(_ int, in *goquery.Selection) {
		value := in.AttrOr("value", "")
		switch in.AttrOr("type", "text") {
		case "email":
			value = email
		case "checkbox":
			value = in.AttrOr("value", "on")
		}
		out.fields.Add(in.AttrOr("name", ""), value)
	})
	return out
}

// submit submits a form from the website's page, and returns the page it leads to.
func (e *env) submit(f form) *goquery.Document {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodPost, f.action, strings.NewReader(f.fields.Encode()))
	must(e, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", e.site)
	resp, err := http.DefaultClient.Do(req)
	must(e, err)
	defer resp.Body.Close()
	doc, err := goquery.NewDocumentFromReader(resp.Body)
	must(e, err)
	if resp.StatusCode != http.StatusOK || resp.Request.Method != http.MethodGet {
		e.Fatalf("the form leads to %s by %s: %s\n%s", resp.Request.URL, resp.Request.Method, resp.Status, doc.Text())
	}
	return doc
}

func TestThePlainFormLeadsToAConsent(t *testing.T) {
	e := start(t, "plain-html")
	resp, err := http.Get(e.site + "/")
	must(t, err)
	defer resp.Body.Close()
	page := e.submit(readForm(t, resp.Body, ada))
	if h := page.Find("h1").Text(); !strings.Contains(h, "Look in your inbox") {
		t.Errorf("the form leads to %q", h)
	}
	if got := e.lookup(ada).State; got != "pending" {
		t.Errorf("before the confirmation the state is %q", got)
	}
	e.confirm(ada)
}

func TestThePlainFormWithoutATickIsNoConsent(t *testing.T) {
	e := start(t, "plain-html")
	resp, err := http.Get(e.site + "/")
	must(t, err)
	defer resp.Body.Close()
	f := readForm(t, resp.Body, ada)
	f.fields.Del("consent")
	answer, err := http.PostForm(f.action, f.fields)
	must(t, err)
	answer.Body.Close()
	if got := e.lookup(ada).State; answer.StatusCode != http.StatusUnprocessableEntity || got != "" {
		t.Errorf("without the tick it returns %s, and the state is %q", answer.Status, got)
	}
}
