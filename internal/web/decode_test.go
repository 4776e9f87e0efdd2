package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
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
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=email\r\nContent-Transfer-Encoding: base64\r\n\r\nYUBiLmV4YW1wbGU=\r\n--x--"))
}

// sound is what holds for every body: one value for what comes once, no control character in a value that counts.
func sound(t *testing.T, f *fields) {
	t.Helper()
	for name, k := range f.schema {
		value := f.one(name)
		if f.wrong[name] == "" && k != list && len(f.values[name]) > 1 {
			t.Errorf("%s has %d values", name, len(f.values[name]))
		}
		if strings.IndexFunc(value, unicode.IsControl) >= 0 || !utf8.ValidString(value) {
			t.Errorf("%s is %q", name, value)
		}
	}
}

func FuzzJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := signupSchema().decodeJSON(append([]byte(" "), body...))
		if err != nil {
			return
		}
		sound(t, got)
		var exact map[string]any
		if json.Unmarshal(body, &exact) != nil {
			t.Fatalf("what is no object was read: %q", body)
		}
		if email := got.one("email"); email != "" && strings.Trim(exact["email"].(string), " \t\r\n") != email {
			t.Errorf("email is %q, the body says %q", email, exact["email"])
		}
		for name := range exact { // any other spelling of a field beside it must be refused
			if strings.EqualFold(name, "email") && name != "email" && got.spelt["email"] > 1 && got.wrong["email"] != codeRepeated {
				t.Errorf("%q stands beside email", name)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := signupSchema().decodeForm(body)
		if err != nil {
			return
		}
		sound(t, got)
		values, err := url.ParseQuery(string(body))
		if err != nil || got.one("email") != "" && len(values["email"]) != 1 {
			t.Errorf("email is %q of %v", got.one("email"), values)
		}
	})
}

func FuzzParts(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := signupSchema().decodeParts(body, "x"); err == nil {
			sound(t, got)
		}
	})
}

func TestAFileIsNoField(t *testing.T) {
	body := "--x\r\nContent-Disposition: form-data; name=\"email\"; filename=\"f\"\r\n\r\na@b.example\r\n--x--\r\n"
	got, err := signupSchema().decodeParts([]byte(body), "x")
	must(t, err)
	if _, c := readEmail(got); c != codeEmailInvalid {
		t.Errorf("code %q", c)
	}
}
