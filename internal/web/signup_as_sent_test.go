package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

// Signups as browsers, frameworks and HTTP libraries label and encode them.
func TestASignupIsReadWhateverItsLabelIs(t *testing.T) {
	const form, json = request.MediaForm, request.MediaJSON
	const formJurgen = "email=j%FCrgen@b.example&consent=on" // in latin-1
	const jsonJurgen = "{\"email\":\"j\xfcrgen@b.example\",\"consent\":true}"
	ada := `{"email":"ada@b.example","consent":true`
	multi, inParts := parts(t, "email=ada@b.example&consent=on")
	for name, row := range map[string]struct{ media, body, email string }{
		"utf8":                      {form + "; charset=utf8", "email=ada@b.example&consent=on", "ada@b.example"},
		"us-ascii":                  {form + "; charset=US-ASCII", "email=ada@b.example&consent=on", "ada@b.example"},
		"latin-1":                   {form + ";charset=ISO-8859-1", "email=ada@b.example&consent=on", "ada@b.example"},
		"latin-1, decoded":          {form + ";charset=latin1", formJurgen, "jürgen@b.example"},
		"its charset in a field":    {form, "_charset_=windows-1252&" + formJurgen, "jürgen@b.example"},
		"a charset we do not know":  {form + ";charset=koi8-r", "email=ada@b.example&consent=on", "ada@b.example"},
		"a parameter that is none":  {form + `; charset="`, "email=ada@b.example&consent=on", "ada@b.example"},
		"another field in latin-1":  {form, "email=ada@b.example&consent=on&vorname=J%FCrgen", "ada@b.example"},
		"another field's name":      {form, "email=ada@b.example&consent=on&pr%E9nom=Ada", "ada@b.example"},
		"another field's escape":    {form, "email=ada@b.example&consent=on&off=100%", "ada@b.example"},
		"another field's semicolon": {form, "email=ada@b.example&consent=on&note=a;b", "ada@b.example"},
		"a byte order mark":         {form, "\xef\xbb\xbfemail=ada@b.example&consent=on", "ada@b.example"},
		"one that is encoded":       {form, "%EF%BB%BFemail=ada@b.example&consent=on", "ada@b.example"},
		"parts in latin-1":          {multi + "; charset=ISO-8859-1", inParts, "ada@b.example"},
		"JSON, utf8":                {json + "; charset=utf8", ada + `}`, "ada@b.example"},
		"JSON, latin-1":             {json + "; charset=ISO-8859-1", ada + `}`, "ada@b.example"},
		"JSON, latin-1, decoded":    {json + "; charset=ISO-8859-1", jsonJurgen, "jürgen@b.example"},
		"JSON, latin-1, but UTF-8":  {json + "; charset=ISO-8859-1", `{"email":"jürgen@b.example","consent":true}`, "jürgen@b.example"},
		"JSON, a byte order mark":   {json, "\xef\xbb\xbf" + ada + `}`, "ada@b.example"},
		"JSON, another member":      {json, ada + ",\"name\":\"J\xfcrgen\"}", "ada@b.example"},
		"yes in capitals":           {form, "email=ada@b.example&consent=YES", "ada@b.example"},
		"yes with spaces":           {form, "email=ada@b.example&consent=%20True%0A", "ada@b.example"},
		"no in capitals":            {form, "email=ada@b.example&consent=On&preticked=False", "ada@b.example"},
	} {
		e := newEnv(t)
		a := e.send("POST", signupPath, row.body, "Content-Type", row.media)
		if a.status != 202 && a.status != 303 || e.state(row.email) != "pending" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	e := newEnv(t)
	for name, row := range map[string]struct {
		media, body string
		status      int
		code        string
	}{
		"no label":     {"", ada + `}`, 415, "media_type_missing"},
		"an empty one": {" ", ada + `}`, 415, "media_type_missing"},
		"UTF-16":       {json + "; charset=utf-16", ada + `}`, 415, "media_type_not_supported"},
		"UTF-7": {form + "; charset=utf-7", "email=ada@b.example&consent=on", 415,
			"media_type_not_supported"},
		"the address in latin-1":   {form, "email=j%FCrgen@b.example&consent=on", 400, "unreadable"},
		"the address, unknown set": {form + ";charset=koi8-r", "email=%C1@b.example&consent=on", 400, "unreadable"},
		"the address's escape":     {form, "email=ada%zz@b.example&consent=on", 400, "unreadable"},
		"JSON, the address":        {json, "{\"email\":\"j\xfcrgen@b.example\",\"consent\":true}", 400, "unreadable"},
		"no in capitals":           {form, "email=ada@b.example&consent=OFF", 422, "consent_required"},
		"nearly yes":               {form, "email=ada@b.example&consent=yes+please", 422, "consent_required"},
		"ticked in capitals":       {form, "email=ada@b.example&consent=on&preticked=TRUE", 422, "consent_preticked"},
	} {
		var headers []string
		if row.media != "" {
			headers = []string{"Content-Type", row.media}
		}
		a := e.send("POST", signupPath, row.body, headers...)
		if code, _ := a.problem(t); a.status != row.status || code != row.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := e.send("POST", signupPath, ada+`}`); !strings.Contains(a.body, "Content-Type") {
		t.Errorf("what is missing is not named: %s", a.body)
	}
	e.untouched()
}

// A page that hides its address (Referrer-Policy no-referrer or same-origin) sends "Origin: null" along with its form.
func TestAFormWhoseOriginIsHiddenIsTaken(t *testing.T) {
	e := newEnv(t)
	for name, headers := range map[string][]string{
		"a form":                     {"Origin", "null", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"},
		"of an old browser":          {"Origin", "null"},
		"of a site on the same host": {"Origin", "null", "Sec-Fetch-Site", "same-site"},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@b.example"
		headers = append(headers, "Content-Type", request.MediaForm)
		a := e.send("POST", signupPath, "email="+email+"&consent=on", headers...)
		if a.status != 303 || a.header.Get("Set-Cookie") != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
		if e.state(email) != "pending" {
			t.Errorf("%s: %s", name, e.state(email))
		}
	}
	for _, origin := range []string{"https://evil.example", "NULL", "null,null", "file://", ""} {
		a := e.send("POST", signupPath, "email=eve@b.example&consent=on",
			"Origin", origin, "Content-Type", request.MediaForm)
		if code, _ := a.problem(t); a.status != 403 || code != "origin_not_allowed" {
			t.Errorf("%q: %d %s", origin, a.status, a.body)
		}
	}
	// "null" does not open our own page's form, or the buttons behind a link.
	if e.state("eve@b.example") != "" {
		t.Error("it was taken")
	}
}

func TestARefusedOriginIsInTheLog(t *testing.T) {
	for sent, want := range map[string]string{
		"https://shop.example":         `"refused_origin":"https://shop.example"`,
		"http://localhost:3000":        `"refused_origin":"http://localhost:3000"`,
		"http://192.168.1.5:8000":      `"refused_origin":"http://192.168.1.5:8000"`,
		"https://203.0.113.9":          `"refused_origin":"(an IP)"`,
		"https://x.example/ada@b.test": `"refused_origin":"(unreadable)"`,
		"ada@b.test":                   `"refused_origin":"(unreadable)"`,
	} {
		e := newEnv(t)
		a := e.send("POST", signupPath, "email=a@b.example&consent=on",
			"Origin", sent, "Content-Type", request.MediaForm)
		if a.status != 403 || !strings.Contains(a.body, "origins") || strings.Contains(a.body, sent) {
			t.Errorf("%s: %d %s", sent, a.status, a.body)
		}
		if text := e.log.String(); !strings.Contains(text, want) || strings.Contains(text, "ada@") {
			t.Errorf("%s: the log: %s", sent, text)
		}
	}
	e := newEnv(t)
	e.send("POST", signupPath, "email=a@b.example&consent=on", "Origin", "https://gazette.example", "Content-Type",
		request.MediaForm)
	if strings.Contains(e.log.String(), "refused_origin") {
		t.Errorf("the log: %s", e.log.String())
	}
}

// A script cannot follow a redirect to a page of ours: it reads JSON instead.
func TestAScriptThatPostsAFormReadsTheAnswer(t *testing.T) {
	e := newEnv(t)
	from := []string{"Origin", "https://gazette.example", "Content-Type", request.MediaForm}
	for name, row := range map[string]struct {
		headers []string
		status  int
	}{
		"fetch":                    {[]string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, 202},
		"fetch that takes pages":   {[]string{"Sec-Fetch-Mode", "cors", "Accept", "text/html, */*"}, 202},
		"fetch that cannot read":   {[]string{"Sec-Fetch-Mode", "no-cors"}, 202},
		"jQuery":                   {[]string{"X-Requested-With", "XMLHttpRequest", "Accept", "*/*"}, 202},
		"a script that wants JSON": {[]string{"Accept", "application/json, text/plain, */*"}, 202},
		"a form":                   {[]string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html,*/*;q=0.8"}, 303},
		"a form of old":            {[]string{"Accept", "text/html,*/*;q=0.8"}, 303},
		"a program":                {[]string{"Accept", "*/*"}, 303},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@b.example"
		headers := slices.Concat(from, row.headers)
		a := e.send("POST", signupPath, "email="+email+"&consent=on", headers...)
		if a.status != row.status || a.header.Get("Access-Control-Allow-Origin") != "https://gazette.example" ||
			row.status == 202 && !strings.Contains(a.body, `"accepted"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		wrong := e.send("POST", signupPath, "email=x&consent=on", headers...)
		if wrong.status != 422 || row.status == 202 && wrong.media() != "application/problem+json" ||
			wrong.header.Get("Access-Control-Allow-Origin") != "https://gazette.example" {
			t.Errorf("%s, refused: %d %s", name, wrong.status, wrong.media())
		}
	}
}

func TestAPageMaySendTheHeadersThatFrameworksAdd(t *testing.T) {
	e := newEnv(t)
	ask := func(origin, headers string) string {
		return e.send("OPTIONS", signupPath, "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", headers).header.Get("Access-Control-Allow-Headers")
	}
	for headers, want := range map[string]string{
		"":                               "Content-Type, Idempotency-Key",
		"content-type":                   "Content-Type, Idempotency-Key",
		"content-type, x-requested-with": "Content-Type, Idempotency-Key, x-requested-with",
		"X-CSRF-Token,traceparent,idempotency-key,x-csrf-token": "Content-Type, Idempotency-Key, " +
			"x-csrf-token, traceparent",
		"authorization, x-a":                        "Content-Type, Idempotency-Key, x-a",
		"a b, \"c\", é, " + strings.Repeat("x", 65): "Content-Type, Idempotency-Key",
	} {
		if got := ask("https://gazette.example", headers); got != want {
			t.Errorf("%q: %q, want %q", headers, got, want)
		}
	}
	var many []string
	for i := range 100 {
		many = append(many, "x-"+strings.Repeat("a", i%60)+string(rune('a'+i%26)))
	}
	if got := strings.Count(ask("https://gazette.example", strings.Join(many, ",")), ","); got != maxAllowed-1 {
		t.Errorf("%d headers are allowed", got+1)
	}
	if got := ask("https://evil.example", "x-requested-with"); got != "" {
		t.Errorf("a foreign page may send %q", got)
	}
}
