package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/theme"
)

func TestTheDashboardShowsWhatPeopleRead(t *testing.T) {
	e := newAdminEnv(t)
	must(t, e.service.PutStatements(t.Context()))
	since := e.clock.now()
	e.clock.pass(100 * 24 * time.Hour)
	must(t, e.service.PutStatements(t.Context())) // at the next start
	cookie := e.logIn()
	for query, want := range map[string]struct{ lang, words, subject, language string }{
		"":         {"en", "Receive letter", "Please confirm", "English"},
		"?lang=fr": {"fr", "Recevoir letter", "confirmer", "Français"},
	} {
		a := e.send("GET", textsPath+query, "", "Cookie", cookie)
		page := a.page(t)
		if policy := a.header.Get("Content-Security-Policy"); a.header.Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(policy, "default-src 'none'; style-src 'self'; img-src 'self';") ||
			page.Find("iframe:not([sandbox='']), [style], body script").Length() > 0 {
			t.Errorf("%s: %s", query, policy)
		}
		row := page.Find("tbody tr")
		sum := row.Find("code").Last().Text()
		got := []string{row.Find("[lang]").Text(), row.Find("time").AttrOr("datetime", ""),
			page.Find(".languages b").Text(), row.Find("[lang]").AttrOr("lang", "")}
		if d := cmp.Diff([]string{want.words, since.Format(time.RFC3339), want.language, want.lang}, got); d != "" {
			t.Error(query, d)
		}
		statement := e.send("GET", row.Find("a").AttrOr("href", ""), "")
		if is := sha256.Sum256([]byte(statement.body)); hex.EncodeToString(is[:]) != sum ||
			!strings.Contains(statement.body, want.words) {
			t.Errorf("%s: the hash %s leads to %s", query, sum, statement.body)
		}
		emails := page.Find("section:has(iframe)")
		if emails.Length() < 3 || !strings.Contains(emails.Find("h3").Text(), want.subject) {
			t.Errorf("%s: %d emails: %s", query, emails.Length(), emails.Find("h3").Text())
		}
		emails.Each(func(_ int, s *goquery.Selection) {
			src, words := s.Find("iframe").AttrOr("src", ""), want.words
			if strings.HasSuffix(src, "email-copy") || strings.HasSuffix(src, "email-erase") {
				words = "/r/" // they are about all purposes, and name none
			}
			shown := e.send("GET", src, "", "Cookie", cookie)
			if text := s.Find("pre").Text(); shown.status != http.StatusOK ||
				shown.header.Get("Content-Language") != want.lang || !strings.Contains(text, words) ||
				!strings.Contains(shown.page(t).Text(), words) {
				t.Errorf("%s: %d %s\n%s", query, shown.status, shown.header.Get("Content-Language"), text)
			}
		})
	}
	for _, path := range []string{textsPath + "?lang=de", textsPath + "?lang=", "/admin/sites/none/texts",
		emailPath, emailPath + "?lang=de&name=email-confirm", emailPath + "?lang=fr&name=confirm",
		emailPath + "?lang=fr", "/admin/sites/none/email?lang=fr&name=email-confirm"} {
		a := e.send("GET", path, "", "Cookie", cookie)
		if want := map[bool]int{true: 200, false: 404}[strings.HasSuffix(path, "=")]; a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// Nothing in an email that is shown may run, fetch or post; its logo is part of it.
func TestAnEmailInTheDashboardHasAPolicyOfItsOwn(t *testing.T) {
	e := newAdminEnv(t, func(o *Options) {
		th := theme.Default()
		th.EmailLogo = &theme.Logo{Bytes: []byte("picture"), Media: "image/png"}
		looks := th.Email()
		g := o.Sites["gazette"]
		g.Show.Looks = &looks
		o.Sites["gazette"] = g
	})
	a := e.send("GET", emailPath+"?lang=fr&name=email-confirm", "", "Cookie", e.logIn())
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; " +
			"form-action 'none'; frame-ancestors 'self'; sandbox; img-src data:",
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if src := a.page(t).Find("img").AttrOr("src", ""); src != "data:image/png;base64,cGljdHVyZQ==" {
		t.Errorf("the logo is %q", src)
	}
}
