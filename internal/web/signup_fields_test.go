package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/request"
)

// jsonRefusals are bodies that are refused, with the codes of their fields.
func jsonRefusals() map[string][]string {
	return map[string][]string{
		`{"consent":true}`:                                                          {"email_required"},
		`{"email":null,"consent":true}`:                                             {"email_required"},
		`{"email":" ","consent":true}`:                                              {"email_required"},
		`{"EMAIL":"a@b.example","consent":true}`:                                    {"email_required"},
		`{"email[]":"a@b.example","consent":true}`:                                  {"email_required"},
		`{"email":"a","consent":true}`:                                              {"email_invalid"},
		`{"email":["a@b.example"],"consent":true}`:                                  {"email_invalid"},
		`{"email":{"a":1},"consent":true}`:                                          {"email_invalid"},
		`{"email":1,"consent":true}`:                                                {"email_invalid"},
		`{"email":"a@b.example\u0000","consent":true}`:                              {"email_invalid"},
		`{"email":"a@b.example\r\nBcc: c@d.example","consent":true}`:                {"email_invalid"},
		`{"email":"a@b.example, c@d.example","consent":true}`:                       {"email_invalid"},
		`{"email":"\ud800a@b.example","consent":true}`:                              {"email_invalid"},
		`{"email":"a@b.example","email":"c@d.example","consent":true}`:              {"field_repeated"},
		`{"email":"a@b.example","EMAIL":"c@d.example","consent":true}`:              {"field_repeated"},
		`{"Email":"a@b.example","email":"c@d.example","consent":true}`:              {"field_repeated"},
		`{"email":"a@b.example","email[]":"c@d.example","consent":true}`:            {"field_repeated"},
		`{"email":"a@b.example","\u0065mail":"c@d.example","consent":true}`:         {"field_repeated"},
		`{"email":"a@nomail.example","consent":true}`:                               {"email_undeliverable"},
		`{"email":"a@b.example"}`:                                                   {"consent_required"},
		`{"email":"a@b.example","consent":false}`:                                   {"consent_required"},
		`{"email":"a@b.example","consent":"TRUE!"}`:                                 {"consent_required"},
		`{"email":"a@b.example","consent":2}`:                                       {"consent_required"},
		`{"email":"a@b.example","consent":[true]}`:                                  {"consent_required"},
		`{"email":"a@b.example","consent":false,"consent":true}`:                    {"field_repeated"},
		`{"email":"a@b.example","consent":true,"preticked":true}`:                   {"consent_preticked"},
		`{"email":"a@b.example","consent":true,"preticked":"maybe"}`:                {"consent_preticked"},
		`{"email":"a@b.example","consent":true,"preticked[]":true}`:                 {"consent_preticked"},
		`{"email":"a@b.example","consent":true,"Preticked":true}`:                   {"consent_preticked"},
		`{"email":"a@b.example","consent":true,"purposes[]":["other"]}`:             {"field_repeated"},
		`{"email":"a@b.example","consent":true,"Purposes":"other"}`:                 {"field_repeated"},
		`{"email":"a@b.example","consent":true,"purposes":["other"]}`:               {"purpose_unknown"},
		`{"email":"a@b.example","consent":true,"purposes":"letter,other"}`:          {"purpose_unknown"},
		`{"email":"a@b.example","consent":true,"purposes":[1]}`:                     {"field_invalid"},
		`{"email":"a@b.example","consent":true,"purposes":["letter",["letter"]]}`:   {"field_invalid"},
		`{"email":"a@b.example","consent":true,"redirect":"https://evil.example/"}`: {"redirect_not_allowed"},
		`{"email":"a@b.example","consent":true,"redirect":7}`:                       {"redirect_not_allowed"},
		`{"email":"a@b.example","consent":true,"source":"a\u0000b"}`:                {"field_invalid"},
		`{"email":"a@b.example","consent":true,"locale":["fr"]}`:                    {"field_invalid"},
		`{"email":"x","purposes":"y","preticked":1,"redirect":"z"}`: {"email_invalid",
			"purpose_unknown", "consent_required", "consent_preticked", "redirect_not_allowed"},
	}
}

func TestEveryWrongJSONFieldIsNamedAndNothingIsStored(t *testing.T) {
	e := newEnv(t)
	for body, want := range jsonRefusals() {
		a := e.send("POST", signupPath, body, "Content-Type", "application/json; charset=UTF-8")
		top, fields := a.problem(t)
		if diff := cmp.Diff(want, fields); diff != "" || a.status != http.StatusUnprocessableEntity || top != want[0] {
			t.Errorf("%s: %d %s\n%s", body, a.status, a.body, diff)
		}
	}
	e.untouched()
}

// formRefusals are forms that are refused.
func formRefusals() map[string][]string {
	return map[string][]string{
		"consent=on":                                                {"email_required"},
		"EMAIL=a@b.example&consent=on":                              {"email_required"},
		"email=a&consent=on":                                        {"email_invalid"},
		"email=a@b.example%00&consent=on":                           {"email_invalid"},
		"email=a@b.example&email=c@d.example&consent=on":            {"field_repeated"},
		"email=a@b.example&email[]=c@d.example&consent=on":          {"field_repeated"},
		"email=a@b.example&Email=c@d.example&consent=on":            {"field_repeated"},
		"email=a@nomail.example&consent=on":                         {"email_undeliverable"},
		"email=a@b.example":                                         {"consent_required"},
		"email=a@b.example&consent=no":                              {"consent_required"},
		"email=a@b.example&consent=off&consent=on":                  {"field_repeated"},
		"email=a@b.example&consent=on&preticked=on":                 {"consent_preticked"},
		"email=a@b.example&consent=on&PRETICKED=on":                 {"consent_preticked"},
		"email=a@b.example&consent=on&purposes[]=other":             {"field_repeated"},
		"email=a@b.example&consent=on&purposes=other":               {"purpose_unknown"},
		"email=a@b.example&consent=on&purposes=letter&purposes=x":   {"purpose_unknown"},
		"email=a@b.example&consent=on&purposes=letter&purposes[]=x": {"field_repeated"},
		"email=a@b.example&consent=on&redirect=//evil.example":      {"redirect_not_allowed"},
	}
}

func TestEveryWrongFormFieldIsNamedAndNothingIsStored(t *testing.T) {
	e := newEnv(t)
	for body, want := range formRefusals() {
		for _, media := range []string{request.MediaForm, request.MediaMultipart} {
			contentType, sent := media, body
			if media == request.MediaMultipart {
				contentType, sent = parts(t, body)
			}
			a := e.send("POST", signupPath+"?email=q@b.example&consent=true", sent, "Content-Type", contentType)
			top, fields := a.problem(t)
			if diff := cmp.Diff(want, fields); diff != "" || a.status != http.StatusUnprocessableEntity ||
				top != want[0] {
				t.Errorf("%s as %s: %d %s\n%s", body, media, a.status, a.body, diff)
			}
			page := e.send("POST", signupPath, sent, "Content-Type", contentType, "Accept", "text/html,*/*;q=0.8",
				"Origin", "https://gazette.example")
			if page.status != http.StatusUnprocessableEntity || page.page(t).Find("[role=alert] h1").Length() != 1 ||
				page.page(t).Find("form").Length() != 0 {
				t.Errorf("%s as %s from the website: %d %.100s", body, media, page.status, page.body)
			}
		}
	}
	e.untouched()
}

// parts is a URL-encoded form as a multipart one.
func parts(t testing.TB, form string) (contentType, body string) {
	t.Helper()
	values, err := url.ParseQuery(form)
	must(t, err)
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, all := range values {
		for _, v := range all {
			must(t, m.WriteField(name, v))
		}
	}
	must(t, m.Close())
	return m.FormDataContentType(), b.String()
}
