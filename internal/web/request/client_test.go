package request

import (
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
		"a proxy without a word": {"10.0.0.1:1", nil, "10.0.0.1"},
		"an empty word":          {"10.0.0.1:1", []string{""}, "10.0.0.1"},
		"the right-most":         {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
		"two proxies":            {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		"two headers":            {"10.0.0.1:1", []string{"1.1.1.1", "203.0.113.7 ,\t10.0.0.2"}, "203.0.113.7"},
		"only proxies":           {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"garbage":                {"10.0.0.1:1", []string{"203.0.113.7, x"}, "10.0.0.1"},
		"garbage behind":         {"10.0.0.1:1", []string{"x, 203.0.113.7"}, "203.0.113.7"},
		"garbage between":        {"10.0.0.1:1", []string{"1.1.1.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"a trailing comma":       {"10.0.0.1:1", []string{"1.1.1.1,"}, "10.0.0.1"},
		"with a port":            {"10.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		"IPv6":                   {"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":       {"[fd00::1]:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":       {"[fd00::1]:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		"IPv6 with a zone":       {"[fe80::1%eth0]:1", []string{"1.1.1.1"}, "fe80::1"},
		"mapped peer":            {"[::ffff:10.0.0.1]:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"mapped client":          {"10.0.0.1:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"mapped proxy":           {"10.0.0.1:1", []string{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		"octal":                  {"10.0.0.1:1", []string{"010.0.0.1"}, "10.0.0.1"},
		"a name":                 {"10.0.0.1:1", []string{"localhost"}, "10.0.0.1"},
		"a socket":               {"@", []string{"1.1.1.1"}, "invalid IP"},
	} {
		if got := clientAddr(row.remote, row.forwarded, trusted).String(); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
	if got := clientAddr("10.0.0.1:1", []string{"1.1.1.1"}, nil).String(); got != "10.0.0.1" {
		t.Errorf("without trusted proxies: %s", got)
	}
}
