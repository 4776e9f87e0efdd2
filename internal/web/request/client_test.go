package request

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyATrustedProxyNamesTheClient(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, row := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"nobody else":            {"203.0.113.7:1", nil, "203.0.113.7"},
		"a stranger's word":      {"203.0.113.7:1", []string{"1.1.1.1"}, "203.0.113.7"},
		"a proxy's word":         {"10.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"a proxy without a word": {"10.0.0.1:1", nil, "invalid IP"},
		"an empty word":          {"10.0.0.1:1", []string{""}, "invalid IP"},
		"the right-most":         {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
		"two proxies":            {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		"two headers":            {"10.0.0.1:1", []string{"1.1.1.1", "203.0.113.7 ,\t10.0.0.2"}, "203.0.113.7"},
		"only proxies":           {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"garbage":                {"10.0.0.1:1", []string{"203.0.113.7, x"}, "invalid IP"},
		"garbage behind":         {"10.0.0.1:1", []string{"x, 203.0.113.7"}, "203.0.113.7"},
		"garbage between":        {"10.0.0.1:1", []string{"1.1.1.1, unknown, 10.0.0.2"}, "invalid IP"},
		"a trailing comma":       {"10.0.0.1:1", []string{"1.1.1.1,"}, "invalid IP"},
		"with a port":            {"10.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		"IPv6":                   {"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":       {"[fd00::1]:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":       {"[fd00::1]:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		"IPv6 with a zone":       {"[fe80::1%eth0]:1", []string{"1.1.1.1"}, "fe80::1"},
		"mapped peer":            {"[::ffff:10.0.0.1]:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"mapped client":          {"10.0.0.1:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"mapped proxy":           {"10.0.0.1:1", []string{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		"octal":                  {"10.0.0.1:1", []string{"010.0.0.1"}, "invalid IP"},
		"a name":                 {"10.0.0.1:1", []string{"localhost"}, "invalid IP"},
		"a socket":               {"@", []string{"1.1.1.1"}, "invalid IP"},
	} {
		got, known := clientAddr(row.remote, forwardedFor(http.Header{"X-Forwarded-For": row.forwarded}), trusted)
		if silent := row.want == "invalid IP" && row.remote != "@"; got.String() != row.want || known == silent {
			t.Errorf("%s: %s, known: %t, want %s", name, got, known, row.want)
		}
	}
	says := http.Header{"X-Forwarded-For": {"1.1.1.1"}}
	if got, known := clientAddr("10.0.0.1:1", forwardedFor(says), nil); got.String() != "10.0.0.1" || !known {
		t.Errorf("without trusted proxies: %s", got)
	}
}

// A client makes up the header that the proxy does not write.
func TestOnlyTheHeaderThatProxiesWriteIsBelieved(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for header, made := range map[string][2]string{
		"X-Forwarded-For": {"203.0.113.7", "for=1.1.1.1"}, HeaderForwarded: {"for=203.0.113.7", "1.1.1.1"},
	} {
		other := map[string]string{"X-Forwarded-For": HeaderForwarded, HeaderForwarded: "X-Forwarded-For"}[header]
		silent := 0
		client := ClientIP(trusted, header, func() { silent++ })
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{}}
		r.Header.Set(header, made[0])
		r.Header.Set(other, made[1])
		if got := client(r); got != "203.0.113.7" || silent != 0 {
			t.Errorf("%s: %s, silent: %d", header, got, silent)
		}
		r.Header.Del(header)
		if got := client(r); got != "" || silent != 1 {
			t.Errorf("without %s: %q, silent: %d", header, got, silent)
		}
	}
}

func TestATrustedProxyMayNameTheClientInForwarded(t *testing.T) {
	const client = "203.0.113.7"
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	for name, row := range map[string]struct {
		remote    string
		forwarded []string
		also      string // X-Forwarded-For
		want      string
	}{
		"a proxy's word": {"10.0.0.1:1", []string{"for=203.0.113.7"}, "", client},
		"with more": {
			"10.0.0.1:1", []string{"by=10.0.0.1;proto=https; FOR = 203.0.113.7 ;host=x"}, "", client,
		},
		"quoted, with a port":    {"10.0.0.1:1", []string{`for="203.0.113.7:4711"`}, "", client},
		"IPv6":                   {"10.0.0.1:1", []string{`For="[2001:db8:cafe::17]:4711"`}, "", "2001:db8:cafe::17"},
		"IPv6 without a port":    {"10.0.0.1:1", []string{`for="[2001:db8::1]"`}, "", "2001:db8::1"},
		"a hidden port":          {"10.0.0.1:1", []string{`for="203.0.113.7:_gazonk"`}, "", client},
		"the right-most":         {"10.0.0.1:1", []string{"for=1.1.1.1, for=203.0.113.7"}, "", client},
		"two proxies":            {"10.0.0.1:1", []string{"for=1.1.1.1", "for=203.0.113.7,for=10.0.0.2"}, "", client},
		"a comma in quotes":      {"10.0.0.1:1", []string{`for=203.0.113.7;host="a,for=1.1.1.1"`}, "", client},
		"a quote in quotes":      {"10.0.0.1:1", []string{`host="a\",for=1.1.1.1";for=203.0.113.7`}, "", client},
		"a quote never closed":   {"10.0.0.1:1", []string{`for="1.1.1.1, for=203.0.113.7`}, "", client},
		"one in another header":  {"10.0.0.1:1", []string{`x="`, `for="[2001:db8::1]:443"`}, "", "2001:db8::1"},
		"one with more behind":   {"10.0.0.1:1", []string{`", for=203.0.113.7;host="x"`}, "", client},
		"a stranger's word":      {"203.0.113.7:1", []string{"for=1.1.1.1"}, "", client},
		"beside X-Forwarded-For": {"10.0.0.1:1", []string{"for=203.0.113.7"}, "1.1.1.1", client},
		"beside an empty one":    {"10.0.0.1:1", []string{"for=203.0.113.7"}, " ", client},
		"only in the other one":  {"10.0.0.1:1", nil, "1.1.1.1", "invalid IP"},
		"nobody known":           {"10.0.0.1:1", []string{"for=unknown"}, "", "invalid IP"},
		"somebody hidden":        {"10.0.0.1:1", []string{"for=1.1.1.1, for=_hidden"}, "", "invalid IP"},
		"nobody":                 {"10.0.0.1:1", []string{"proto=https"}, "", "invalid IP"},
		"garbage":                {"10.0.0.1:1", []string{`for="203.0.113.7`}, "", client},
		"more garbage":           {"10.0.0.1:1", []string{`;=;,"`}, "", "invalid IP"},
		"a person in a network":  {"10.0.0.1:1", []string{"for=10.0.0.9"}, "", "10.0.0.9"},
		"a proxy that is silent": {"10.0.0.1:1", []string{"for=192.0.2.1"}, "", "invalid IP"},
		"the proxy itself":       {"10.0.0.1:1", []string{"for=10.0.0.1"}, "", "invalid IP"},
	} {
		h := http.Header{"Forwarded": row.forwarded}
		if row.also != "" {
			h.Set("X-Forwarded-For", row.also)
		}
		got, known := clientAddr(row.remote, forwarded(h), trusted)
		if got.String() != row.want || known == (row.want == "invalid IP") {
			t.Errorf("%s: %s, known: %t, want %s", name, got, known, row.want)
		}
	}
}
