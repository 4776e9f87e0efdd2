package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
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

// TestAWholeJourneyInThreeScripts signs up as a website's form does, reads the email, confirms and unsubscribes, in
// German, Greek and Arabic. Everything is in that language, and the evidence says so.
func TestAWholeJourneyInThreeScripts(t *testing.T) {
	p := startPages(t, func(e *env) { e.siteYAML = threeScripts })
	for lang, want := range map[string]struct{ dir, sender, text, city string }{
		"de": {"ltr", "Die Zeitung", "Den monatlichen Brief der Zeitung erhalten", "(Berlin)"},
		"el": {"ltr", "Η Εφημερίδα", "Να λαμβάνω το μηνιαίο γράμμα", ""},
		"ar": {"rtl", "الجريدة", "استلام الرسالة الشهرية", ""},
	} {
		t.Run(lang, func(t *testing.T) {
			email := "ada-" + lang + "@example.org"
			body := fmt.Sprintf(`{"email":%q,"consent":true,"purposes":["letter"],"locale":%q,"shown":{"letter":%q}}`,
				email, lang, want.text)
			url := p.base + "/v1/sites/world/subscriptions"
			req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
			p.env.must(err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Origin", "https://world.example")
			resp, err := http.DefaultClient.Do(req)
			p.env.must(err)
			resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted {
				t.Fatalf("the signup: %d", resp.StatusCode)
			}
			m := p.Email(email)
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
			// The browser's language is another one.
			page := func(method, url string) string {
				req, err := http.NewRequest(method, url, http.NoBody)
				p.env.must(err)
				req.Header.Set("Accept", "text/html")
				req.Header.Set("Accept-Language", "en-US,en;q=0.9")
				resp, err := http.DefaultClient.Do(req)
				p.env.must(err)
				defer resp.Body.Close()
				var b bytes.Buffer
				_, err = b.ReadFrom(resp.Body)
				p.env.must(err)
				if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Language") != lang {
					t.Errorf("%s %s: %d in %q", method, url, resp.StatusCode, resp.Header.Get("Content-Language"))
				}
				return b.String()
			}
			shown := inLanguage(t, "the page", page("GET", link), lang, want.dir)
			if got := strings.TrimSpace(shown.Find(".purposes li span").First().Text()); got != want.text {
				t.Errorf("the page says %q", got)
			}
			if n := shown.Find(".languages a").Length(); n != 2 {
				t.Errorf("%d other languages can be chosen", n)
			}
			confirmed := inLanguage(t, "the page after it", page("POST", link), lang, want.dir)
			leave := confirmed.Find(`a[href*="/u/"]`).AttrOr("href", "")
			inLanguage(t, "the page to unsubscribe", page("GET", leave), lang, want.dir)
			inLanguage(t, "the last page", page("POST", leave), lang, want.dir)

			req, err = http.NewRequest(http.MethodPost, p.base+"/v1/sites/world/lookup",
				strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
			p.env.must(err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer world-api-key-for-tests")
			resp, err = http.DefaultClient.Do(req)
			p.env.must(err)
			defer resp.Body.Close()
			var found struct {
				Locale, State string
				Purposes      []struct {
					Text    string
					TextSHA string `json:"text_sha256"`
				}
			}
			p.env.must(json.NewDecoder(resp.Body).Decode(&found))
			if found.Locale != lang || found.State != "withdrawn" || found.Purposes[0].Text != want.text {
				t.Errorf("the record: %+v", found)
			}
			resp, err = http.Get(p.base + "/texts/" + found.Purposes[0].TextSHA)
			p.env.must(err)
			defer resp.Body.Close()
			var statement struct{ Language, Text string }
			p.env.must(json.NewDecoder(resp.Body).Decode(&statement))
			if statement.Language != lang || statement.Text != want.text {
				t.Errorf("the evidence: %+v", statement)
			}
			// Who chooses another language has it on every step.
			chosen := "de"
			if lang == "de" {
				chosen = "el"
			}
			resp, err = http.Get(leave + "?lang=" + chosen)
			p.env.must(err)
			defer resp.Body.Close()
			if got := resp.Header.Get("Content-Language"); got != chosen {
				t.Errorf("asked for %s, the page is in %s", chosen, got)
			}
		})
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
