package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
)

func seeds(f *testing.F) {
	for body := range jsonRefusals() {
		f.Add([]byte(body))
	}
	for body := range formRefusals() {
		f.Add([]byte(body))
		_, p := parts(f, body)
		f.Add([]byte(p))
	}
	f.Add([]byte(`{"email":"a@b.example","consent":1e0,"purposes":["a",null,{}],"x":{"email":"c"}}`))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"email\"; filename=\"f\"\r\n\r\na@b.example\r\n--x--"))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=email\r\nContent-Transfer-Encoding: " +
		"base64\r\n\r\nYUBiLmV4YW1wbGU=\r\n--x--"))
}

// decoded reads a body as that of a signup.
func decoded(body []byte, media string) (*request.Fields, error) {
	r := httptest.NewRequest(http.MethodPost, signupPath, nil)
	r.Header.Set("Content-Type", media)
	c := echo.New().NewContext(r, httptest.NewRecorder())
	request.Attach(c, &request.State{Body: body})
	f, _, err := new(site).schema(false).Decode(c, request.MediaJSON, request.MediaForm, request.MediaMultipart)
	return f, err
}

// sound is what holds for every body: one value for what comes once, no control character in a value that counts.
func sound(t *testing.T, f *request.Fields) {
	t.Helper()
	for name, k := range new(site).schema(false) {
		value := f.One(name)
		if f.Wrong(name) == "" && k != request.List && len(f.All(name)) > 1 {
			t.Errorf("%s has %d values", name, len(f.All(name)))
		}
		if strings.IndexFunc(value, unicode.IsControl) >= 0 || !utf8.ValidString(value) {
			t.Errorf("%s is %q", name, value)
		}
	}
}

func FuzzJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decoded(append([]byte(" "), body...), request.MediaJSON)
		if err != nil {
			return
		}
		sound(t, got)
		var exact map[string]any
		if json.Unmarshal(body, &exact) != nil {
			t.Fatalf("what is no object was read: %q", body)
		}
		if email := got.One("email"); email != "" && strings.Trim(exact["email"].(string), " \t\r\n") != email {
			t.Errorf("email is %q, the body says %q", email, exact["email"])
		}
		for name := range exact { // any other spelling of a field beside it must be refused
			if strings.EqualFold(name, "email") && name != "email" && got.Times("email") > 1 &&
				got.Wrong("email") != problem.FieldRepeated {
				t.Errorf("%q stands beside email", name)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decoded(body, request.MediaForm)
		if err != nil {
			return
		}
		sound(t, got)
		// A semicolon, and what cannot be read in a field that is not known, are no errors here.
		values, _ := url.ParseQuery(strings.ReplaceAll(string(body), ";", "%3B"))
		if got.One("email") != "" && len(values["email"]) != 1 {
			t.Errorf("email is %q of %v", got.One("email"), values)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := decoded(body, request.MediaMultipart+"; boundary=x"); err == nil {
			sound(t, got)
		}
	})
}

func TestAFileIsNoField(t *testing.T) {
	body := "--x\r\nContent-Disposition: form-data; name=\"email\"; filename=\"f\"\r\n\r\na@b.example\r\n--x--\r\n"
	got, err := decoded([]byte(body), request.MediaMultipart+"; boundary=x")
	must(t, err)
	if _, c := got.Email(); c != problem.EmailInvalid {
		t.Errorf("code %q", c)
	}
}
