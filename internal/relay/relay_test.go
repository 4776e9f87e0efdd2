package relay_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/optin/optin/internal/relay"
)

func TestAnAddressPrintsWithoutItsLogin(t *testing.T) {
	for want, a := range map[string]relay.Address{
		"smtp://relay.example:587?tls=required": {Host: "relay.example", Port: 587, TLS: relay.Required, User: "ada",
			Password: "hunter2"},
		"smtps://[2001:db8::1]:465": {Host: "2001:db8::1", Port: 465, TLS: relay.Implicit, User: "ada",
			Password: "hunter2"},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, a); got != want {
				t.Errorf("%s prints %s, want %s", verb, got, want)
			}
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "relay", a, "relays", []relay.Address{a})
		inJSON, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{log.String(), string(inJSON)} {
			if strings.Contains(got, "hunter2") || strings.Contains(got, "ada") || !strings.Contains(got, want) {
				t.Errorf("got %s, want %s and no login", got, want)
			}
		}
	}
}

func TestURLsOfRelaysAreParsed(t *testing.T) {
	for text, want := range map[string]relay.Address{
		"smtp://127.0.0.1:2525": {Host: "127.0.0.1", Port: 2525, TLS: relay.Offered},
		"smtp://u:p@Relay.Example": {
			Host: "relay.example", Port: 587, TLS: relay.Offered, User: "u", Password: "p",
		},
		"smtp://relay.example?tls=required": {Host: "relay.example", Port: 587, TLS: relay.Required},
		"smtp://[::1]:25?tls=off":           {Host: "::1", Port: 25, TLS: relay.Off},
		"smtps://a:b@relay.example/": {
			Host: "relay.example", Port: 465, TLS: relay.Implicit, User: "a", Password: "b",
		},
		"smtps://u%40x:p%2F%40@relay.example": {
			Host: "relay.example", Port: 465, TLS: relay.Implicit, User: "u@x", Password: "p/@",
		},
	} {
		if got, err := relay.Parse(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
}

func TestWrongURLsOfRelaysAreRefusedWithoutTheirPassword(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                 "must begin with smtp://",
		"relay.example:25":                                 "must begin with smtp://",
		"https://optin:hunter2@relay.example":              "must begin with smtp://",
		"smtp:relay.example":                               "must have a host",
		"smtp://":                                          "must have a host",
		"smtp://optin:hunter2@relay.example/a":             "must have a host",
		"smtp://optin:hunter2@relay.example#a":             "must have a host",
		"smtp://optin:hunter2@relay.example:0":             "must have a host",
		"smtp://optin:hunter2@relay.example:99999":         "must have a host",
		"smtp://optin:hunter2@relay.example:port":          "not a URL",
		"smtp://optin:hunter2%@relay.example":              "percent-encode",
		"smtp://optin:hunter2@relay.example\r\n":           "not a URL",
		"smtp://hunter2@relay.example":                     "both a user and a password",
		"smtp://relay.example?starttls=1":                  "unknown option",
		"smtp://optin:hunter2@relay.example?tls=maybe":     "unknown option",
		"smtp://relay.example?tls=":                        "unknown option",
		"smtp://relay.example?tls=off&tls=required":        "unknown option",
		"smtps://optin:hunter2@relay.example?tls=off":      "always has TLS",
		"smtps://optin:hunter2@relay.example?tls=required": "always has TLS",
	} {
		got, err := relay.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v; want an error with %q", text, got, err, want)
		}
	}
}
