package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestEveryMalformedRequestIsRefusedWithItsCode(t *testing.T) {
	e := newEnv(t)
	good, form := `{"email":"a@b.example","consent":true}`, "email=a@b.example&consent=on"
	deep := `{"email":"a@b.example","consent":true,"x":` + strings.Repeat("[", 7000) + strings.Repeat("]", 7000) + `}`
	for name, row := range map[string]struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		"no body":     {signupPath, "", []string{"Content-Type", request.MediaJSON}, 400, "unreadable"},
		"white space": {signupPath, " \n", []string{"Content-Type", request.MediaJSON}, 400, "unreadable"},
		"an array": {signupPath, "[" + good + "]", []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"a string": {signupPath, `"a@b.example"`, []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"null": {signupPath, `null`, []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"two objects": {signupPath, good + good, []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"trailing words": {signupPath, good + " x", []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"cut JSON": {signupPath, good[:20], []string{"Content-Type", request.MediaJSON}, 400,
			"unreadable"},
		"invalid UTF-8": {signupPath, strings.Replace(good, "a@", "\xff@", 1),
			[]string{"Content-Type", request.MediaJSON}, 400, "unreadable"},
		"too deep": {signupPath, strings.Repeat(`{"a":`, 3000) + "1",
			[]string{"Content-Type", request.MediaJSON}, 400, "unreadable"},
		"a form that is none": {signupPath, "email=%zz", []string{"Content-Type", request.MediaForm}, 400,
			"unreadable"},
		"a form of no UTF-8": {signupPath, form + "&locale=%ff", []string{"Content-Type", request.MediaForm}, 400,
			"unreadable"},
		"an empty form": {signupPath, "", []string{"Content-Type", request.MediaForm}, 400, "unreadable"},
		"parts without an end": {signupPath, "--x\r\n\r\n",
			[]string{"Content-Type", request.MediaMultipart + "; boundary=x"}, 400, "unreadable"},
		"parts without a mark": {signupPath, form, []string{"Content-Type", request.MediaMultipart}, 400,
			"unreadable"},
		"no media type": {signupPath, good, nil, 415, "media_type_missing"},
		"XML": {signupPath, "<email>a@b.example</email>",
			[]string{"Content-Type", "application/xml"}, 415, "media_type_not_supported"},
		"text": {signupPath, good, []string{"Content-Type", "text/plain"}, 415,
			"media_type_not_supported"},
		"two media types": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Content-Type", request.MediaForm}, 415,
			"media_type_not_supported"},
		"another charset": {signupPath, good, []string{"Content-Type", request.MediaJSON + "; charset=utf-16"},
			415, "media_type_not_supported"},
		"compressed": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Content-Encoding", "gzip"}, 415, "media_type_not_supported"},
		"too large": {signupPath, good + strings.Repeat(" ", MaxBody),
			[]string{"Content-Type", request.MediaJSON}, 413, "too_large"},
		"unknown site": {"/v1/sites/other/subscriptions", good, []string{"Content-Type", request.MediaJSON},
			404, "site_unknown"},
		"another site's origin": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Origin", "https://club.example"}, 403, "origin_not_allowed"},
		"origin with a path": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Origin", "https://gazette.example/"}, 403,
			"origin_not_allowed"},
		"origin as prefix": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Origin", "https://gazette.example.evil.example"}, 403,
			"origin_not_allowed"},
		"origin of http": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Origin", "http://gazette.example"}, 403, "origin_not_allowed"},
		"two origins": {signupPath, good,
			[]string{"Content-Type", request.MediaJSON, "Origin", "https://gazette.example", "Origin",
				"https://evil.example"}, 403, "origin_not_allowed"},
		"two purposes, none named": {"/v1/sites/club/subscriptions", good, []string{"Content-Type", request.MediaJSON},
			422, "purpose_required"},
		"an empty list": {"/v1/sites/club/subscriptions",
			`{"email":"a@b.example","consent":true,"purposes":[]}`, []string{"Content-Type", request.MediaJSON}, 422,
			"purpose_required"},
	} {
		a := e.send("POST", row.path, row.body, row.headers...)
		if got, _ := a.problem(t); a.status != row.status || got != row.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, row.status, row.code)
		}
		if strings.Contains(a.body, "b.example") {
			t.Errorf("%s: the answer repeats what was sent: %s", name, a.body)
		}
		page := e.send("POST", row.path, row.body, append(slices.Clone(row.headers), "Accept", "text/html")...)
		if page.status != row.status || page.page(t).Find("h1").Length() != 1 {
			t.Errorf("%s for a browser: %d %.100s", name, page.status, page.body)
		}
	}
	e.untouched()
	if a := e.send("POST", signupPath, deep, "Content-Type", request.MediaJSON); a.status != http.StatusAccepted {
		t.Errorf("a deep field that nobody reads: %d %s", a.status, a.body)
	}
}
