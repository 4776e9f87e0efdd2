package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) media() string { m, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); return m }

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
		p.Type != publicURL+"/problems/"+p.Code {
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

// forms are where a page's forms post to.
func (a answer) forms(t testing.TB) []string {
	t.Helper()
	return a.page(t).Find("form").Map(func(_ int, f *goquery.Selection) string { return f.AttrOr("action", "") })
}
