package webhook_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestAQueueHasAStableNameThatAStoreTakes(t *testing.T) {
	const url = "https://ada:secret@gazette.example/hooks/optin?k=Q"
	got := webhook.Queue("gazette", url)
	if want := store.QueueName("webhook/gazette/a31d3cd93a05824f"); got != want {
		t.Errorf("Queue = %s, want %s: jobs that are in it would be lost", got, want)
	}
	if webhook.Queue("gazette", url+"2") == got || webhook.Queue("other", url) == got {
		t.Error("two endpoints share a queue")
	}
	longest := string(webhook.Queue(strings.Repeat("z", 64), url))
	if len(longest) > 96 || !regexp.MustCompile(`^[a-z0-9/-]+$`).MatchString(longest) {
		t.Errorf("%s (%d)", longest, len(longest))
	}
}

func TestAnEndpointThatCannotWorkIsRefusedWithoutRepeatingItsURL(t *testing.T) {
	good := webhook.Endpoint{URL: "https://ada:hunter2@gazette.example/hooks?k=QUERY", Secrets: [][]byte{newer}}
	if _, err := webhook.New(webhook.Options{Events: events{}, Endpoint: good}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*webhook.Options){
		"no events": func(o *webhook.Options) { o.Events = nil },
		"http":      func(o *webhook.Options) { o.Endpoint.URL = "http" + o.Endpoint.URL[5:] },
		"other scheme": func(o *webhook.Options) {
			o.Endpoint.URL, o.Endpoint.Private = "ftp"+o.Endpoint.URL[5:], true
		},
		"no host":   func(o *webhook.Options) { o.Endpoint.URL = "https://ada:hunter2@/hooks?k=QUERY" },
		"port only": func(o *webhook.Options) { o.Endpoint.URL = "https://ada:hunter2@:443/hooks?k=QUERY" },
		"no such port": func(o *webhook.Options) {
			o.Endpoint.URL = "https://ada:hunter2@gazette.example:65536/?k=QUERY"
		},
		"port zero": func(o *webhook.Options) {
			o.Endpoint.URL = "https://ada:hunter2@gazette.example:0/?k=QUERY"
		},
		"relative":       func(o *webhook.Options) { o.Endpoint.URL = "/hooks?k=QUERY" },
		"control byte":   func(o *webhook.Options) { o.Endpoint.URL += "\n" },
		"no secret":      func(o *webhook.Options) { o.Endpoint.Secrets = nil },
		"a short secret": func(o *webhook.Options) { o.Endpoint.Secrets = [][]byte{newer, older[:23]} },
		"a long secret":  func(o *webhook.Options) { o.Endpoint.Secrets = [][]byte{append(newer[:24:24], older...)} },
		"timeout":        func(o *webhook.Options) { o.Timeout = -time.Second },
	} {
		o := webhook.Options{Events: events{}, Endpoint: good}
		spoil(&o)
		_, err := webhook.New(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, hidden := range []string{"ada", "hunter2", "QUERY", "hooks"} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: %q stands in %v", name, hidden, err)
			}
		}
	}
}
