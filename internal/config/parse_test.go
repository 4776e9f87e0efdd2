package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/optin/optin/internal/relay"
)

func TestDurationsAreWholeNumbersWithUnits(t *testing.T) {
	for in, want := range map[string]time.Duration{"10m": 10 * time.Minute, "30d": 720 * time.Hour, "1h30m": 90 * time.Minute, "90s": 90 * time.Second} {
		if got, ok := duration(in); !ok || got != want {
			t.Errorf("%s: got %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "10", "m", "1.5h", "-1h", "+1h", "1w", "10 m", "1ms", "99999999d", "1h1h1h1h1h1h1h1h1h1h1h1h1h", "1µs"} {
		if got, ok := duration(in); ok {
			t.Errorf("%s: accepted as %v", in, got)
		}
	}
}

func TestLocalesGetTheirCanonicalCase(t *testing.T) {
	for in, want := range map[string]string{"FR": "fr", "pt-br": "pt-BR", "ZH-HANT-tw": "zh-Hant-TW", "es-419": "es-419", "de-1996": "de-1996", "gsw": "gsw", "sl-rozaj": "sl-rozaj"} {
		if got, err := parseLocale(in); err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "f", "french", "fr_FR", "fr-", "-fr", "fr-F", "fr--FR", "fr-FR-FR", "f1", "fr-x-private", "fr\n", "é", "de-abcd-ef-gh"} {
		if got, err := parseLocale(in); err == nil {
			t.Errorf("%q: accepted as %s", in, got)
		}
	}
}

func TestOnlyPlainMailboxesAreAddresses(t *testing.T) {
	for _, in := range []string{"a@b.example", "first.last+tag@sub.gazette.example", "o'hara@gazette.example", "a@xn--caf-dma.example"} {
		if !isAddress(in) {
			t.Errorf("%s: refused", in)
		}
	}
	for _, in := range []string{"", "a", "a@", "@b.example", "a@b", "a@127.0.0.1", "a@[127.0.0.1]", "a@b..example", ".a@b.example", "a.@b.example", "a..b@b.example",
		`"a b"@b.example`, "a@b@c.example", "a b@b.example", "a@-b.example", "a@b_c.example", "é@b.example", "a@b.example\r\n", "x> ORCPT=y@z.example", "a@b.example."} {
		if isAddress(in) {
			t.Errorf("%q: accepted", in)
		}
	}
}

func TestSendersKeepTheirNames(t *testing.T) {
	for in, want := range map[string]string{
		"bonjour@gazette.example": "", "La Gazette <a@gazette.example>": "La Gazette", "Café Noé <a@gazette.example>": "Café Noé",
		`"Gazette, La" <a@gazette.example>`: "Gazette, La", "gazette.example <a@gazette.example>": "gazette.example",
	} {
		if got, err := parseFrom(in); err != nil || got.Name != want {
			t.Errorf("%s: got %q, %v", in, got.Name, err)
		}
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	for _, in := range []string{"http://127.0.0.1:8080", "http://localhost", "http://optin.localhost:80/", "http://[::1]:8080", "https://Confirm.Example/"} {
		if u, err := parsePublicURL(in); err != nil || u.Path != "" {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
	for _, in := range []string{"http://localhost.evil.test", "http://127.0.0.1.evil.test", "http://10.0.0.1", "http://0.0.0.0", "http://0x7f.1", "http://2130706433", "http://[::]", "//localhost", "http:localhost"} {
		if u, err := parsePublicURL(in); err == nil {
			t.Errorf("%s: accepted as %v", in, u)
		}
	}
}

func TestStoresOfTheContractAreRead(t *testing.T) {
	for in, want := range map[string]Store{
		"redis://127.0.0.1:6379/0":                      {Scheme: "redis", Hosts: []string{"127.0.0.1:6379"}, Path: "/0", Durability: Always},
		"rediss://u:p%40@redis.example?durability=none": {Scheme: "rediss", Hosts: []string{"redis.example"}, Durability: None},
		"redis+sentinel://:p@a:1,b:2,[::1]:3/main/2":    {Scheme: "redis+sentinel", Hosts: []string{"a:1", "b:2", "[::1]:3"}, Path: "/main/2", Durability: Always},
		"redis+cluster://a:1,b":                         {Scheme: "redis+cluster", Hosts: []string{"a:1", "b"}, Durability: Always},
		"sqlite:///var/lib/o.db?durability=everysec":    {Scheme: "sqlite", Path: "/var/lib/o.db", Durability: EverySec},
	} {
		got, err := parseStore(in)
		if err != nil || got.URL() != in || got.Scheme != want.Scheme || got.Path != want.Path || got.Durability != want.Durability || len(got.Hosts) != len(want.Hosts) {
			t.Errorf("%s: got %v, %v", in, got, err)
			continue
		}
		for i := range want.Hosts {
			if got.Hosts[i] != want.Hosts[i] {
				t.Errorf("%s: hosts are %v", in, got.Hosts)
			}
		}
	}
}

func TestRelaysOfTheContractAreRead(t *testing.T) {
	for in, want := range map[string]relay.Address{
		"smtp://127.0.0.1:2525":               {Host: "127.0.0.1", Port: 2525, TLS: relay.Offered},
		"smtp://u:p@Relay.Example":            {Host: "relay.example", Port: 587, TLS: relay.Offered, User: "u", Password: "p"},
		"smtp://relay.example?tls=required":   {Host: "relay.example", Port: 587, TLS: relay.Required},
		"smtp://[::1]:25?tls=off":             {Host: "::1", Port: 25, TLS: relay.Off},
		"smtps://u%40x:p%2F%40@relay.example": {Host: "relay.example", Port: 465, TLS: relay.Implicit, User: "u@x", Password: "p/@"},
	} {
		got, err := parseRelay(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", in, err, diff)
		}
	}
}
