package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/internal/openapi/contract"
)

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) media() string { m, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); return m }

// asDescribed holds an answer against the description of the API; every answer to every test comes by.
func (a answer) asDescribed(t testing.TB, method, target string) {
	t.Helper()
	a.note(method, target)
	for _, wrong := range contract.CheckResponse(method, target, a.status, a.header, []byte(a.body)) {
		t.Errorf("%s\n%s", wrong, a.body)
	}
}

// problem is the code of a problem, and of its fields.
func (a answer) problem(t testing.TB) (top string, fields []string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		Errors                    []struct{ Field, Code, Detail string }
	}
	must(t, json.Unmarshal([]byte(a.body), &p))
	if a.media() != "application/problem+json" || p.Status != a.status || p.Title == "" || p.Detail == "" ||
		p.Type != publicURL+"/docs#code-"+p.Code {
		t.Errorf("not a problem of its status: %d %s %s", a.status, a.media(), a.body)
	}
	for _, e := range p.Errors {
		if e.Field == "" || e.Detail == "" {
			t.Errorf("an error without its field or words: %s", a.body)
		}
		fields = append(fields, e.Code)
	}
	return p.Code, fields
}

// page is the parsed page.
func (a answer) page(t testing.TB) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	must(t, err)
	if a.media() != "text/html" || d.Find("html[lang]").Length() != 1 {
		t.Errorf("not a page: %d %s %.200s", a.status, a.media(), a.body)
	}
	return d
}

// formOf is what a browser would send of the signup form of a page in which nobody has typed or ticked anything.
func (a answer) formOf(t testing.TB) url.Values {
	t.Helper()
	return a.fieldsOf(t, "form.signup")
}

// fieldsOf is what a browser would send of a form in which nobody has ticked anything.
func (a answer) fieldsOf(t testing.TB, form string) url.Values {
	t.Helper()
	sent := url.Values{}
	a.page(t).Find(form + " input:not([type=checkbox])").Each(func(_ int, in *goquery.Selection) {
		sent.Add(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	if len(sent) == 0 {
		t.Fatalf("no form %s: %d %s", form, a.status, a.body)
	}
	return sent
}

// forms are where a page's forms post to.
func (a answer) forms(t testing.TB) []string {
	t.Helper()
	return a.page(t).Find("form").Map(func(_ int, f *goquery.Selection) string { return f.AttrOr("action", "") })
}
