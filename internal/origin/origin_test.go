package origin

import (
	"net/url"
	"testing"
)

func TestAnOriginIsWrittenAsBrowsersSendIt(t *testing.T) {
	for text, want := range map[string]Origin{
		"https://gazette.example":      "https://gazette.example",
		"https://gazette.example/":     "https://gazette.example",
		"HTTPS://Gazette.Example:443":  "https://gazette.example",
		"http://gazette.example:80":    "http://gazette.example",
		"http://gazette.example:443":   "http://gazette.example:443",
		"https://gazette.example:8443": "https://gazette.example:8443",
		"http://[::1]:8080":            "http://[::1]:8080",
		"http://127.0.0.1":             "http://127.0.0.1",
		// Not origins:
		"https://gazette.example/x":     "",
		"https://gazette.example?x":     "",
		"https://gazette.example#x":     "",
		"https://ada@gazette.example":   "",
		"https://gаzette.example":       "", // a Cyrillic а
		"ftp://gazette.example":         "",
		"https://":                      "",
		"https://:443":                  "",
		"//gazette.example":             "",
		"https:gazette.example":         "",
		"/x":                            "",
		"":                              "",
		"data:text/html,x":              "",
		"moz-extension://gazette":       "",
		"https://gazette.example/%2e":   "",
		"https://gazette.example/..":    "",
		"https://gazette.example//evil": "",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Of(u); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
