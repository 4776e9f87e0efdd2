package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/templates"
)

// startPreview serves optin preview; path may be empty.
func startPreview(t *testing.T, path string, env func(string) (string, bool)) *httptest.Server {
	t.Helper()
	h, err := newPreview(path, "", env)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func getPage(t *testing.T, url string) (int, *goquery.Document) {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{}}).Get(url) // not by openapi.yaml
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := goquery.NewDocumentFromReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, doc
}

func TestThePreviewShowsEveryPageAndEmailInEveryLanguage(t *testing.T) {
	s := startPreview(t, "", os.LookupEnv)
	_, index := getPage(t, s.URL+"/?name=email-confirm&lang=de&beside=ar&dark=1&narrow=1")
	frames := index.Find("iframe.dark[width='360']")
	if frames.Length() != 2 || frames.Eq(0).AttrOr("src", "") != "/de/email-confirm" ||
		frames.Eq(1).AttrOr("src", "") != "/ar/email-confirm" {
		t.Errorf("%d frames", frames.Length())
	}
	text := func(_ int, o *goquery.Selection) string { return o.Text() }
	names := index.Find("select[name=name] option").Map(text)
	languages := index.Find("select[name=lang] option").Map(text)
	if len(names) < 40 || len(languages) < 2 {
		t.Fatalf("%d names, %d languages", len(names), len(languages))
	}
	for _, name := range names {
		if status, doc := getPage(t, s.URL+"/el/"+name); status != 200 || doc.Find("html").AttrOr("lang", "") != "el" {
			t.Errorf("%s: %d", name, status)
		}
	}
	for _, lang := range languages {
		if status, doc := getPage(t, s.URL+"/"+lang+"/email-confirm/text"); status != 200 || len(doc.Text()) < 300 {
			t.Errorf("%s: %d", lang, status)
		}
	}
	for _, path := range []string{"/el/nothing", "/xx/signup", "/assets/nothing"} {
		if status, _ := getPage(t, s.URL+path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestThePreviewShowsASitesOwnData(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.siteYAML = threeScripts
	path := filepath.Join(t.TempDir(), "optin.yaml")
	if err := os.WriteFile(path, []byte(e.yaml("127.0.0.1:0")), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := newPreview(path, "world", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	status, doc := getPage(t, s.URL+"/el/email-confirm")
	if text := doc.Text(); status != 200 || !strings.Contains(text, "Να λαμβάνω το μηνιαίο γράμμα") ||
		!strings.Contains(text, "Die Zeitung GmbH") || strings.Contains(text, "Gazette") {
		t.Errorf("%d: %s", status, text)
	}
	if status, _ := getPage(t, s.URL+"/fr/email-confirm"); status != http.StatusNotFound {
		t.Errorf("a language that the site does not have: %d", status)
	}
}

// sheet is a page with each email in each language, small. index is the first page of the preview.
func sheet(index *goquery.Document, languages []string) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><meta charset="utf-8"><style>body{margin:12px;font:14px sans-serif;background:#fff}` +
		`section{display:grid;grid-template-columns:repeat(11,190px);gap:12px;margin-bottom:24px}` +
		`div{width:190px;height:470px;overflow:hidden;border:1px solid #bbb}` +
		`iframe{width:380px;height:940px;border:0;transform:scale(.5);transform-origin:0 0}p{margin:0}</style>`)
	for _, name := range index.Find("select[name=name] option").Map(func(_ int, o *goquery.Selection) string {
		return o.Text()
	}) {
		if !strings.HasPrefix(name, "email-") {
			continue
		}
		fmt.Fprintf(&b, "<h2>%s</h2><section>", name)
		for _, lang := range languages {
			fmt.Fprintf(&b, `<figure style="margin:0"><p>%s</p><div><iframe src="/%s/%s"></iframe></div></figure>`, lang, lang, name)
		}
		b.WriteString("</section>")
	}
	return b.String()
}

// TestPictureOfEveryEmail writes docs/emails.jpg for `make pictures`, to be looked at.
func TestPictureOfEveryEmail(t *testing.T) {
	file := os.Getenv("OPTIN_PICTURES")
	if file == "" {
		t.Skip("make pictures")
	}
	h, err := newPreview("", "", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	set, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	s := httptest.NewServer(mux)
	defer s.Close()
	_, index := getPage(t, s.URL)
	page := sheet(index, set.Languages())
	if n := strings.Count(page, "<h2>"); n < 8 {
		t.Fatalf("%d emails", n)
	}
	mux.HandleFunc("/sheet", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
	tab := browsertest.Tab(t, nil)
	if err := chromedp.Do(tab, chromedp.EmulateViewport(2260, 900), chromedp.Navigate(s.URL+"/sheet")); err != nil {
		t.Fatal(err)
	}
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(40))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
