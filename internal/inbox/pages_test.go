package inbox_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/inbox"
)

// ask sends one request to the pages.
func ask(t *testing.T, i *inbox.Inbox, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	i.Handler().ServeHTTP(w, r)
	return w.Result()
}

func page(t *testing.T, i *inbox.Inbox, path string) *goquery.Document {
	t.Helper()
	r := ask(t, i, "GET", path)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", path, r.Status)
	}
	doc, err := goquery.NewDocumentFromReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// words returns the text of what a selector finds, on one line.
func words(doc *goquery.Document, selector string) string {
	return strings.Join(strings.Fields(doc.Find(selector).Text()), " ")
}

var both = crlf("From: =?utf-8?q?La_Gaz=C3=A9tte?= <bonjour@gazette.example>", "Subject: One click left",
	"Content-Type: multipart/alternative;", " boundary=b", "", "--b", "",
	"Confirm: https://confirm.example/c/aa.bb_- now.", "--b", "Content-Type: text/html", "",
	`<!doctype html><html><body><a href="https://confirm.example/c/aa.bb_-">Confirm</a></body></html>`, "--b--")

func TestTheEmptyInboxSaysWhatToDo(t *testing.T) {
	i := newInbox(t, inbox.SignUpAt("/s/demo"))
	doc := page(t, i, "/inbox")
	if href, _ := doc.Find(".empty a").Attr("href"); href != "/s/demo" {
		t.Errorf("the way to the form is %q", href)
	}
	if !strings.Contains(words(doc, ".empty"), "Sign up at the form") ||
		!strings.Contains(words(doc, "footer"), i.Addr()) {
		t.Errorf("the empty page says %q", words(doc, "main"))
	}
	if r := ask(t, i, "GET", "/inbox"); r.Header.Get("Refresh") != "3" {
		t.Errorf("Refresh is %q, want 3", r.Header.Get("Refresh"))
	}
	if n := page(t, newInbox(t), "/inbox").Find(".empty a").Length(); n != 0 {
		t.Errorf("%d links in an inbox that knows no form", n)
	}
}

func TestTheListShowsTheNewestFirst(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, both)
	deliver(t, i, crlf("Subject:", "Content-Type: ;", "", ""))
	doc := page(t, i, "/inbox")
	var rows []string
	for _, s := range doc.Find(".messages a").EachIter() {
		href, _ := s.Attr("href")
		rows = append(rows, href+" "+strings.Join(strings.Fields(s.Text()), " "))
	}
	want := []string{
		"/inbox/2 (no subject) damaged 12:00:00 to ada@example.org from bonjour@gazette.example",
		"/inbox/1 One click left 12:00:00 to ada@example.org from La Gazétte <bonjour@gazette.example>",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if at, _ := doc.Find(".messages time").Attr("datetime"); at != "2026-11-21T12:00:00Z" {
		t.Errorf("datetime is %q", at)
	}
	if r := ask(t, i, "GET", "/inbox"); r.Header.Get("Refresh") != "" {
		t.Error("a list that somebody reads is reloaded")
	}
}

func TestAnEmailIsShownInASandboxedFrame(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, both)
	doc := page(t, i, "/inbox/1")
	frame := doc.Find("iframe")
	sandbox, _ := frame.Attr("sandbox")
	if sandbox != "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox" {
		t.Errorf("sandbox is %q", sandbox)
	}
	src, _ := frame.Attr("src")
	r := ask(t, i, "GET", src)
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "sandbox "+sandbox+"; default-src 'none';") || strings.Contains(policy, "script") {
		t.Errorf("the frame's own policy is %q", policy)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	email, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if target, _ := email.Find("head base").First().Attr("target"); target != "_top" {
		t.Errorf("links of the email open in %q", target)
	}
	if href, _ := email.Find("body a").Attr("href"); href != "https://confirm.example/c/aa.bb_-" {
		t.Errorf("the email's link is %q", href)
	}
	if !strings.HasSuffix(string(body), "</html>") || strings.Count(string(body), "<!doctype html><html>") != 1 {
		t.Errorf("the email's HTML was changed: %s", body)
	}
}

func TestTheOtherTabsShowTextAndSource(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, both)
	doc := page(t, i, "/inbox/1/text")
	link := doc.Find("pre a")
	href, _ := link.Attr("href")
	_, elsewhere := link.Attr("target")
	if href != "https://confirm.example/c/aa.bb_-" || link.Text() != href || elsewhere {
		t.Errorf("the link is %q, reads %q, opens elsewhere: %v", href, link.Text(), elsewhere)
	}
	if got := doc.Find("pre").Text(); got != "Confirm: https://confirm.example/c/aa.bb_- now." {
		t.Errorf("the text is %q", got)
	}
	doc = page(t, i, "/inbox/1/source")
	if got := doc.Find("pre").Text(); got != strings.ReplaceAll(both, "\r\n", "\n") {
		t.Errorf("the source is %q", got)
	}
	if got := words(doc, ".tabs [aria-current]"); got != "Source" {
		t.Errorf("the tab shown is %q", got)
	}
	if got := words(doc, ".headers div:nth-child(3) dd"); got != "multipart/alternative; boundary=b" {
		t.Errorf("the folded header reads %q", got)
	}
	raw, err := io.ReadAll(ask(t, i, "GET", "/inbox/1/raw").Body)
	if err != nil || string(raw) != both {
		t.Errorf("the bytes are %q, %v", raw, err)
	}
}

func TestAnEmailWithoutAPartOpensWithWhatItHas(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, crlf("Subject: text", "", "only text"))
	deliver(t, i, crlf("Content-Type: multipart/mixed", "", "nothing"))
	for path, tab := range map[string]string{"/inbox/1": "Text", "/inbox/2": "Source"} {
		doc := page(t, i, path)
		if got := words(doc, ".tabs [aria-current]"); got != tab || doc.Find("iframe").Length() != 0 {
			t.Errorf("%s opens with %q, want %q and no frame", path, got, tab)
		}
	}
	if got := words(page(t, i, "/inbox/2"), ".problem"); !strings.Contains(got, "without a boundary") {
		t.Errorf("the page says %q of what is wrong", got)
	}
	if got := words(page(t, i, "/inbox/2/text"), ".missing"); got == "" {
		t.Error("nothing says that there is no text")
	}
}

func TestHostileEmailsStayText(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)><base href=//evil.example>`
	i := newInbox(t, inbox.SignUpAt("javascript:alert(1)"))
	if href, ok := page(t, i, "/inbox").Find(".empty a").Attr("href"); !ok || strings.Contains(href, "javascript:") {
		t.Errorf("the list links to %q", href)
	}
	deliver(t, i, crlf("From: "+evil, "Subject: "+evil, "X-"+evil+": "+evil,
		"Content-Type: multipart/mixed; boundary=b", "",
		"--b", "", evil+" https://a.example/"+evil, "--b", "Content-Type: text/html", "", evil, "--b",
		"Content-Type: "+evil, "", "", "--b--"))
	for _, path := range []string{"/inbox", "/inbox/1", "/inbox/1/text", "/inbox/1/source"} {
		doc := page(t, i, path)
		if n := doc.Find("script, img, base, style, [style], [onerror], meta[http-equiv]").Length(); n != 0 {
			t.Errorf("%s: the email put %d elements into the page", path, n)
		}
		if got := words(doc, ".subject"); got != evil {
			t.Errorf("%s: the subject reads %q", path, got)
		}
	}
	if got := words(page(t, i, "/inbox/1"), ".problem"); !strings.Contains(got, "Content-Type") {
		t.Errorf("the page says %q of what is wrong", got)
	}
}

func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, both)
	for path, status := range map[string]int{
		"/inbox": 200, "/inbox/": 301, "/inbox/inbox.css": 200, "/inbox/1": 200, "/inbox/1/text": 200,
		"/inbox/1/source": 200,
		"/inbox/1/html":   200, "/inbox/1/raw": 200, "/inbox/2": 404, "/inbox/2/html": 404, "/inbox/x/raw": 404,
		"/inbox/1/x": 404, "/": 404,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := ask(t, i, method, path)
			if r.StatusCode != status {
				t.Errorf("%s %s: %s, want %d", method, path, r.Status, status)
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, path, name, got, want)
				}
			}
			policy := r.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") ||
				strings.Contains(policy, "unsafe") != (path == "/inbox/1/html") {
				t.Errorf("%s %s: the policy is %q", method, path, policy)
			}
		}
	}
	if kind := ask(t, i, "GET", "/inbox/1/raw").Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
		t.Errorf("the source is served as %q", kind)
	}
}

func TestOnlyOurOwnFormDeletes(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, both)
	form := page(t, i, "/inbox").Find("form")
	action, _ := form.Attr("action")
	if r := ask(t, i, "GET", action); r.StatusCode != http.StatusNotFound || len(i.Messages()) != 1 {
		t.Errorf("looking at %s: %s, %d emails left", action, r.Status, len(i.Messages()))
	}
	for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"},
		{"Origin", "null"}} {
		if r := ask(t, i, "POST", action, foreign...); r.StatusCode != http.StatusForbidden || len(i.Messages()) != 1 {
			t.Errorf("a form of another site (%s): %s, %d emails left", foreign, r.Status, len(i.Messages()))
		}
	}
	r := ask(t, i, "POST", action, "Sec-Fetch-Site", "same-origin")
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/inbox" || len(i.Messages()) != 0 {
		t.Errorf("our own form: %s to %q, %d emails left", r.Status, r.Header.Get("Location"), len(i.Messages()))
	}
	gone, err := goquery.NewDocumentFromReader(ask(t, i, "GET", "/inbox/1").Body)
	if err != nil {
		t.Fatal(err)
	}
	if href, _ := gone.Find(".empty a").Attr("href"); href != "/inbox" {
		t.Errorf("the page of a deleted email leads to %q", href)
	}
}
