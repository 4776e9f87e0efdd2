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
		"smtp://relay.example:587?tls=required": {Host: "relay.example", Port: 587, TLS: relay.Required, User: "ada", Password: "hunter2"},
		"smtps://[2001:db8::1]:465":             {Host: "2001:db8::1", Port: 465, TLS: relay.Implicit, User: "ada", Password: "hunter2"},
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
