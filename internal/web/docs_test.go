package web

import (
	"bytes"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/internal/openapi"
	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
)

func TestTheDescriptionIsServedAsItWasWritten(t *testing.T) {
	e := newEnv(t)
	a := e.send("GET", "/openapi.yaml", "")
	if a.status != http.StatusOK || a.media() != "application/yaml" || !bytes.Equal([]byte(a.body), openapi.YAML()) {
		t.Errorf("%d %s, %d bytes", a.status, a.media(), len(a.body))
	}
}

func TestTheDocsTellEveryCallAndCodeAndLoadNothingFromElsewhere(t *testing.T) {
	e := newEnv(t)
	a := e.send("GET", "/docs", "", "Accept", "text/html")
	page := a.page(t)
	if a.status != http.StatusOK || strings.Contains(a.header.Get("Content-Security-Policy"), "script-src") {
		t.Errorf("%d %v", a.status, a.header)
	}
	for name, op := range contract.Operations() {
		article := page.Find("article#" + op["operationId"].(string))
		method, pattern, _ := strings.Cut(name, " ")
		if got := article.Find(".call b").Text() + " " + article.Find(".call code").Text(); got != method+" "+pattern {
			t.Errorf("%s is told as %q", name, got)
		}
		if article.Find("pre").Length() == 0 {
			t.Errorf("%s has no example", name)
		}
		for status := range contract.At(op, "responses") {
			if !strings.Contains("\n"+strings.Join(texts(article.Find("dt > code")), "\n")+"\n", "\n"+status+"\n") {
				t.Errorf("%s does not tell %s", name, status)
			}
		}
	}
	for _, c := range codes() {
		told := page.Find("dt#code-" + c) // where a problem's type leads; see answer.problem
		p := problem.Of(problem.Code(c))
		if told.Length() != 1 || told.Find("span").Text() != strconv.Itoa(p.Status) ||
			strings.TrimSpace(told.Next().Text()) != p.Detail {
			t.Errorf("the code %s is told as %q", c, told.Text()+told.Next().Text())
		}
	}
	for schema := range contract.At(contract.Description(), "components", "schemas") {
		if schema != "Code" && page.Find("article#schema-"+schema).Length() != 1 {
			t.Errorf("the schema %s is not told", schema)
		}
	}
	if n := page.Find("[src], script, style, [style], iframe, object, embed, form").Length(); n != 0 {
		t.Errorf("%d elements that load or act", n)
	}
	page.Find("link, a").Each(func(_ int, s *goquery.Selection) { e.leads(page, s.AttrOr("href", "")) })
}

// leads checks that a link of a page leads somewhere here.
func (e *env) leads(page *goquery.Document, href string) {
	e.Helper()
	id, inside := strings.CutPrefix(href, "#")
	switch {
	case inside && page.Find(`[id="`+id+`"]`).Length() == 1:
	case !inside && strings.HasPrefix(href, "/") && e.send("GET", href, "").status == http.StatusOK:
	default:
		e.Errorf("%q leads nowhere", href)
	}
}

func texts(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return s.Text() })
}

// TestTheCommandsOfTheDocsAreWhatAShellReads reads every command of the page with a real shell, and sends what curl
// would.
func TestTheCommandsOfTheDocsAreWhatAShellReads(t *testing.T) {
	e := newEnv(t)
	var sent []string
	for _, command := range texts(e.send("GET", "/docs", "").page(t).Find("article pre code")) {
		if !strings.HasPrefix(command, "curl ") {
			continue
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `curl() { printf '%s\n' "$@"; }; `+command).Output()
		must(t, err)
		args := strings.Split(strings.TrimSpace(string(out)), "\n")
		i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, publicURL+"/") })
		if i < 0 {
			t.Errorf("no address in %q", command)
			continue
		}
		sent = append(sent, strings.TrimPrefix(args[i], publicURL))
		for j, a := range args {
			if a == "-d" && !slices.ContainsFunc(examples(), func(ex example) bool { return ex.body == args[j+1] }) {
				t.Errorf("%q is none of the examples", args[j+1])
			}
		}
	}
	for _, want := range []string{signupPath, "/v1/sites/gazette/stats?from=2026-11-01&to=2026-11-30",
		"/c/TOKEN/decline", "/u/TOKEN"} {
		if !slices.Contains(sent, want) {
			t.Errorf("no command calls %s", want)
		}
	}
}

func TestTheDocsBeginWithTheSimplestSignupOfTheSiteThatAsks(t *testing.T) {
	e := newEnv(t)
	for query, row := range map[string]struct{ site, purposes string }{
		"": {"gazette", ""}, "?site=gazette": {"gazette", ""}, "?site=club": {"club", `, "purposes": ["news"]`},
	} {
		page := e.send("GET", "/docs"+query, "", "Accept", "text/html").page(t)
		want := "curl " + publicURL + "/v1/sites/" + row.site + "/subscriptions \\\n" +
			`  -H 'Content-Type: application/json' -d '{"email": "ada@example.org", "consent": true` + row.purposes + `}'`
		if got := page.Find("pre").First().Text(); got != want {
			t.Errorf("%q begins with %s", query, got)
		}
		if first := page.Find("#signUp pre").First().Text(); strings.Contains(first, "purposes") ||
			!strings.Contains(first, "/v1/sites/"+row.site+"/") {
			t.Errorf("%q: the first example of a signup is %s", query, first)
		}
		if page.Find(`nav a[href="/openapi.yaml"]`).Length() != 1 || page.Find(`nav a[href="#signUp"]`).Length() != 1 {
			t.Errorf("%q: the navigation is %s", query, page.Find("nav").Text())
		}
		if other := "/sites/gazette"; row.site != "gazette" && strings.Contains(page.Find("pre").Text(), other) {
			t.Errorf("%q: an example is another site's", query)
		}
	}
	if a := e.send("GET", "/docs?site=nowhere", "", "Accept", request.MediaJSON); a.status != 404 {
		t.Errorf("of no site: %d", a.status)
	}
}
