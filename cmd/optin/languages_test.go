package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/internal/inbox"
)

// threeScripts is a website with readers in three scripts.
const threeScripts = `  - id: world
    name: Die Zeitung
    url: https://world.example
    from: "Die Zeitung <hallo@world.example>"
    from_names: {el: Η Εφημερίδα, ar: الجريدة}
    controller: {name: Die Zeitung GmbH, address: "Beispielweg 1, 10115 Berlin", contact: datenschutz@world.example, privacy_url: https://world.example/datenschutz, country: DE}
    locales: [de, el, ar]
    timezone: Europe/Berlin
    origins: [https://world.example]
    api_keys: [world-api-key-for-tests]
    purposes:
      - id: letter
        text: {de: "Den monatlichen Brief der Zeitung erhalten", el: "Να λαμβάνω το μηνιαίο γράμμα", ar: "استلام الرسالة الشهرية"}
    limits: {signups_per_ip: "10000/1m"}
`

// journey is one person's way through all pages, in a browser whose own language is another.
type journey struct {
	*browserProfile
	env       *pagesEnv
	lang, dir string
}

// shows checks that the page in the browser is in the person's language, and fits a phone.
func (j *journey) shows(what string, status int64) {
	j.t.Helper()
	type page struct {
		Lang, Dir string
		Fits      bool
	}
	got := evaluate[page](j.browserProfile, `({ Lang: document.documentElement.lang,
		Dir: getComputedStyle(document.body).direction, Fits: document.documentElement.scrollWidth <= innerWidth })`)
	if want := (page{j.lang, j.dir, true}); got != want || status != http.StatusOK {
		j.t.Errorf("%s: %d, %+v", what, status, got)
	}
}

// signUp fills in the form of a website, and returns the email that comes.
func (j *journey) signUp(site, text, email string) inbox.Message {
	j.t.Helper()
	j.shows("the website's page", j.open(site+"/"+j.lang))
	j.env.eventually("the form is there", func() bool { return j.count("optin-form button") == 1 })
	asked := evaluate[string](j.browserProfile, `document.querySelector("fieldset label").innerText.trim()`)
	if asked != text {
		j.t.Errorf("the form asks %q", asked)
	}
	j.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), email), chromedp.Click(chromedp.CSS("[name=consent]")),
		chromedp.Click(chromedp.CSS("optin-form button")))
	return j.env.Email(email)
}

// TestAWholeJourneyInThreeScripts signs up on a website's page, reads the email, confirms and unsubscribes, in German,
// Greek and Arabic, in Chromium. Everything is in that language, and the evidence says so.
func TestAWholeJourneyInThreeScripts(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	var p *pagesEnv
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang, dir := strings.TrimPrefix(r.URL.Path, "/"), "ltr"
		if lang == "ar" {
			dir = "rtl"
		}
		fmt.Fprintf(w, `<!doctype html><html lang=%q dir=%q><meta name="viewport" content="width=device-width">`+
			`<title>T</title><link rel="icon" href="data:,"><script src="%s/optin-form.js" defer></script>`+
			`<optin-form site="world"></optin-form>`, lang, dir, p.base)
	}))
	defer site.Close()
	p = startPages(t, func(e *env) {
		e.siteYAML = strings.Replace(threeScripts, "origins: [https://world.example]", "origins: ["+site.URL+"]", 1)
	})
	for lang, want := range map[string]struct{ dir, sender, text, city string }{
		"de": {"ltr", "Die Zeitung", "Den monatlichen Brief der Zeitung erhalten", "(Berlin)"},
		"el": {"ltr", "Η Εφημερίδα", "Να λαμβάνω το μηνιαίο γράμμα", ""},
		"ar": {"rtl", "الجريدة", "استلام الرسالة الشهرية", ""},
	} {
		t.Run(lang, func(t *testing.T) {
			email := "ada-" + lang + "@example.org"
			j := &journey{newProfile(t, browser, p.base).setLanguage("en-US,en;q=0.9"), p, lang, want.dir}
			j.allowOrigin(site.URL)
			j.do(chromedp.EmulateViewport(360, 800))
			m := j.signUp(site.URL, want.text, email)
			if got := m.Header.Get("Content-Language"); got != lang {
				t.Errorf("the email is in %q", got)
			}
			if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != want.sender {
				t.Errorf("from %v, %v", from, err)
			}
			inLanguage(t, "the email", m.HTML, lang, want.dir)
			if !strings.Contains(m.Text, want.text) || !strings.Contains(m.Text, want.city) {
				t.Errorf("the text: %s", m.Text)
			}
			link, _ := emailLinks(m)
			j.shows("the page", j.open(link))
			said := evaluate[string](j.browserProfile, `document.querySelector(".purposes li span").textContent`)
			if said != want.text {
				t.Errorf("the page says %q", said)
			}
			if n := j.count(".languages a"); n != 2 {
				t.Errorf("%d other languages can be chosen", n)
			}
			j.shows("the page after it", j.click("#confirm button"))
			j.shows("the page to unsubscribe", j.click(`a[href*="/u/"]`))
			leave := evaluate[string](j.browserProfile, "location.href")
			j.shows("the last page", j.click("button.main"))
			j.wantEvidence(email, want.text)

			j.lang, j.dir = map[string]string{"de": "el", "el": "de", "ar": "de"}[lang], "ltr"
			j.shows("the page in a language that was chosen", j.open(leave+"?lang="+j.lang))
		})
	}
}

// wantEvidence checks that the record says in which language the person was asked, and in which words.
func (j *journey) wantEvidence(email, text string) {
	j.t.Helper()
	req, err := http.NewRequest(http.MethodPost, j.env.base+"/v1/sites/world/lookup",
		strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	j.env.env.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer world-api-key-for-tests")
	resp, err := http.DefaultClient.Do(req)
	j.env.env.must(err)
	defer resp.Body.Close()
	var found struct {
		Locale, State string
		Purposes      []struct {
			Text    string
			TextSHA string `json:"text_sha256"`
		}
	}
	j.env.env.must(json.NewDecoder(resp.Body).Decode(&found))
	if found.Locale != j.lang || found.State != "withdrawn" || found.Purposes[0].Text != text {
		j.t.Errorf("the record: %+v", found)
	}
	resp, err = http.Get(j.env.base + "/texts/" + found.Purposes[0].TextSHA)
	j.env.env.must(err)
	defer resp.Body.Close()
	var statement struct{ Language, Text string }
	j.env.env.must(json.NewDecoder(resp.Body).Decode(&statement))
	if statement.Language != j.lang || statement.Text != text {
		j.t.Errorf("the evidence: %+v", statement)
	}
}

// inLanguage checks the language and the direction of a page.
func inLanguage(t *testing.T, name, html, lang, dir string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	if root := doc.Find("html"); root.AttrOr("lang", "") != lang || root.AttrOr("dir", "") != dir {
		t.Errorf("%s is in %q, %q", name, root.AttrOr("lang", ""), root.AttrOr("dir", ""))
	}
	return doc
}

// madeUpLanguage is a translation into a language that nobody speaks: English in capitals, with the conventions of
// English in the same file.
func madeUpLanguage(t *testing.T) map[string]any {
	t.Helper()
	read := func(name string, into any) {
		b, err := os.ReadFile("../../templates/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	var conventions struct{ Languages map[string]map[string]any }
	read("conventions.json", &conventions)
	words := conventions.Languages["en"]
	read("locales/en.json", &words)
	for key, text := range words {
		if forms, ok := text.(map[string]any); ok {
			words[key] = forms["other"]
		}
	}
	delete(words, "language.reviewer")
	words["language.name"], words["language.state"], words["plural.forms"] = "tlhIngan Hol", "unreviewed", "other"
	words["confirm.heading"] = "QAPLA'"
	return words
}

// A site adds a language by one file, and by no code. What the file lacks is named when the program starts.
func TestASiteAddsALanguageByOneFile(t *testing.T) {
	folder := t.TempDir()
	put := func(words map[string]any) {
		b, err := json.Marshal(words)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "tlh.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words := madeUpLanguage(t)
	put(words)
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.siteYAML = regexp.MustCompile(`text: .*`).ReplaceAllString(strings.NewReplacer(
		"[de, el, ar]", "[tlh]\n    locales_dir: "+folder, "from_names", "#", "timezone", "#",
	).Replace(threeScripts), `text: {tlh: "QonoS jabbI'ID"}`)
	program, person := e.spawn(e.listen)
	resp, err := http.Post(person.base+"/v1/sites/world/subscriptions", "application/json",
		strings.NewReader(`{"email":"ada@example.org","consent":true,"locale":"tlh"}`))
	e.must(err)
	resp.Body.Close()
	m := person.Email("ada@example.org")
	link, _ := emailLinks(m)
	_, page := getPage(t, link)
	if m.Header.Get("Content-Language") != "tlh" || page.Find("h1").Text() != "QAPLA'" ||
		page.Find("html").AttrOr("lang", "") != "tlh" {
		t.Errorf("the email is in %q, the page says %q", m.Header.Get("Content-Language"), page.Find("h1").Text())
	}
	program.stop()

	delete(words, "confirm.heading")
	put(words)
	again := command(t, "serve", "-config", e.configPath)
	if code := again.wait(); code != exitUsage ||
		!strings.Contains(again.stderr.String(), `tlh.json: "confirm.heading" is missing`) {
		t.Errorf("%d: %s", code, again.stderr)
	}
}
