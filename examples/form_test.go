package examples

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// form is what a browser makes of a page's one form.
type form struct {
	action string
	fields url.Values
}

// readForm reads a page's form as it is sent when a person wrote their address and ticked the box, having found it empty.
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

// post sends a form from the website's page, and follows to the page that is shown then.
func (w *town) post(f form) *goquery.Document {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, f.action, strings.NewReader(f.fields.Encode()))
	must(w, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", w.site)
	resp, err := http.DefaultClient.Do(req)
	must(w, err)
	defer resp.Body.Close()
	doc, err := goquery.NewDocumentFromReader(resp.Body)
	must(w, err)
	if resp.StatusCode != http.StatusOK || resp.Request.Method != http.MethodGet {
		w.Fatalf("the form leads to %s by %s: %s\n%s", resp.Request.URL, resp.Request.Method, resp.Status, doc.Text())
	}
	return doc
}

func TestThePlainFormLeadsToALetterAndAConsent(t *testing.T) {
	w := open(t, "plain-html")
	resp, err := http.Get(w.site + "/")
	must(t, err)
	defer resp.Body.Close()
	page := w.post(readForm(t, resp.Body, ada))
	if h := page.Find("h1").Text(); !strings.Contains(h, "Look in your inbox") {
		t.Errorf("after the form comes %q", h)
	}
	if got := w.lookup(ada).State; got != "pending" {
		t.Errorf("before the button the state is %q", got)
	}
	w.confirm(ada)
}

func TestThePlainFormWithoutTheTickIsNoConsent(t *testing.T) {
	w := open(t, "plain-html")
	resp, err := http.Get(w.site + "/")
	must(t, err)
	defer resp.Body.Close()
	f := readForm(t, resp.Body, ada)
	f.fields.Del("consent")
	answer, err := http.PostForm(f.action, f.fields)
	must(t, err)
	answer.Body.Close()
	if got := w.lookup(ada).State; answer.StatusCode != http.StatusUnprocessableEntity || got != "" {
		t.Errorf("without the tick it answers %s, and the state is %q", answer.Status, got)
	}
}
