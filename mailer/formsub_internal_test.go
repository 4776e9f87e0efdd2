package mailer

import "testing"

func TestAFormsAddressIsToldInPartOnly(t *testing.T) {
	for ip, want := range map[string]string{
		"198.51.100.7":             "v=1 ; ip4=198.51.x.x",
		"::ffff:198.51.100.7":      "v=1 ; ip4=198.51.x.x",
		"2001:db8:1234:5678::9":    "v=1 ; ip6=2001:db8::x",
		"::1":                      "v=1 ; ip6=0:0::x",
		"":                         "v=1 ; ip=none",
		"198.51.100.7\r\nBcc: eve": "v=1 ; ip=none",
		"fe80::1%eth0\r\nX: y":     "v=1 ; ip6=fe80:0::x",
	} {
		if got := formSub(ip); got != want {
			t.Errorf("%q is told as %q, want %q", ip, got, want)
		}
	}
}
