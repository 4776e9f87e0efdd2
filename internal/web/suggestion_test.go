package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

// noMail says of the misspelt domains that they take no mail, and counts what is asked.
func noMail(asked *[]string) func(*Options) {
	return func(o *Options) {
		o.TakesNoMail = func(_ context.Context, domain string) bool {
			*asked = append(*asked, domain)
			return domain != "gmail.co" // somebody's, with a mail server
		}
	}
}

func TestADomainThatSeemsMistypedIsAskedAboutOnce(t *testing.T) {
	var asked []string
	e := newEnv(t, noMail(&asked))
	var said struct {
		Suggestion string
		Errors     []struct{ Field, Code string }
	}
	send := func(email string, suggest bool) answer {
		t.Helper()
		said.Suggestion, said.Errors = "", nil
		a := e.send("POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"suggest":%t}`, email, suggest),
			"Content-Type", request.MediaJSON)
		if err := json.Unmarshal([]byte(a.body), &said); err != nil {
			t.Fatal(err)
		}
		return a
	}
	for email, want := range map[string]string{
		"ada@gmial.com": "ada@gmail.com", "Ada.L+x@hotmial.com": "Ada.L+x@hotmail.com", "ada@yaho.com": "ada@yahoo.com",
		"ada@gmail.co": "", "ada@gmail.com": "", "ada@b.example": "", "ada@gmaaail.com": "",
	} {
		a := send(email, true)
		if want == "" {
			if a.status != http.StatusAccepted || said.Suggestion != "" {
				t.Errorf("%s: %d %s", email, a.status, a.body)
			}
			if got := e.email().To.String(); got != email {
				t.Errorf("%s: the email goes to %s", email, got)
			}
			continue
		}
		if a.status != http.StatusUnprocessableEntity || said.Suggestion != want || len(said.Errors) != 1 ||
			said.Errors[0].Code != "email_typo" || said.Errors[0].Field != "email" {
			t.Errorf("%s: %d %s", email, a.status, a.body)
		}
		if n := len(e.emails()); n != 0 {
			t.Errorf("%s: %d emails left before the person was asked", email, n)
		}
		if a := send(email, false); a.status != http.StatusAccepted {
			t.Errorf("%s, as it was typed: %d %s", email, a.status, a.body)
		}
		if got := e.email().To.String(); got != email {
			t.Errorf("%s was changed into %s", email, got)
		}
	}
	slices.Sort(asked)
	if got := slices.Compact(asked); len(got) != 4 {
		t.Errorf("DNS is asked about %v", got)
	}
}

func TestOurPageAsksAboutADomainAndChangesNothingByItself(t *testing.T) {
	var asked []string
	e := newEnv(t, noMail(&asked))
	post := func(fields url.Values) answer {
		t.Helper()
		fields.Set("consent", "true")
		return e.send("POST", signupPath, e.hosted("gazette", fields.Encode()), "Content-Type", request.MediaForm,
			"Origin", publicURL, "Accept", "text/html")
	}
	page := e.send("GET", "/s/gazette", "", "Accept", "text/html").page(t)
	if page.Find(`form input[type=hidden][name=suggest][value=true]`).Length() != 1 ||
		page.Find(`button[name=meant]`).Length() != 0 {
		t.Error("the page does not ask to be asked")
	}
	a := post(url.Values{"email": {"Ada@gmial.com"}, "suggest": {"true"}})
	again := a.page(t)
	button := again.Find(`form button[name=meant]`)
	if a.status != http.StatusUnprocessableEntity || button.AttrOr("value", "") != "Ada@gmail.com" ||
		again.Find(`input[name=email]`).AttrOr("value", "") != "Ada@gmial.com" ||
		again.Find(`input[name=suggest]`).Length() != 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// Return in the field presses the first button: the one that sends what was typed.
	if first := again.Find("form button").First(); first.AttrOr("name", "") == "meant" {
		t.Error("the first button of the form is not the one that keeps what was typed")
	}
	if n := len(e.emails()); n != 0 {
		t.Errorf("%d emails", n)
	}
	for _, row := range []struct{ meant, to string }{{"", "Ada@gmial.com"}, {"Ada@gmail.com", "Ada@gmail.com"}} {
		fields := url.Values{"email": {"Ada@gmial.com"}, "suggest": {""}} // the page that came back has none
		if row.meant != "" {
			fields.Set("meant", row.meant)
		}
		if a := post(fields); a.status != http.StatusSeeOther {
			t.Fatalf("%q: %d %s", row.meant, a.status, a.body)
		}
		if got := e.email().To.String(); got != row.to {
			t.Errorf("with the button %q the email goes to %s", row.meant, got)
		}
	}
}

func TestThePageAfterASignupShowsTheMaskedAddressAndLeadsBack(t *testing.T) {
	e := newEnv(t)
	a := e.send("POST", signupPath, "email=Ada.Lovelace%40b.example&consent=on&locale=en", "Content-Type",
		request.MediaForm, "Origin", "https://gazette.example", "Accept", "text/html")
	to := a.header.Get("Location")
	if a.status != http.StatusSeeOther || to != "/s/gazette/sent?lang=en&to=A%E2%80%A6%40b.example" {
		t.Fatalf("%d %s", a.status, to)
	}
	page := e.send("GET", to, "", "Accept", "text/html").page(t)
	if text := page.Find(".entered").Text(); text != "You entered A…@b.example. Correct the address" {
		t.Errorf("it says %q", text)
	}
	if back := page.Find(".entered a").AttrOr("href", ""); back != "/s/gazette?lang=en" {
		t.Errorf("it leads to %q", back)
	}
	for _, forged := range []string{
		"", "ada@b.example", "call 0800 123…@b.example", "<b>…@b.example", "a…@", "…@b.example", "a…@b", "aa…@b.example",
		"a…@b.example ", "a…@B.example", "a…@b.example…@c.example",
	} {
		page := e.send("GET", "/s/gazette/sent?lang=en&to="+url.QueryEscape(forged), "", "Accept", "text/html").page(t)
		if page.Find(".entered").Length() != 0 || page.Find("h1").Length() != 1 {
			t.Errorf("%q is shown", forged)
		}
	}
}
