package address_test

import "testing"

func TestANearMissOfAWellKnownDomainIsNoticed(t *testing.T) {
	for domain, want := range map[string]string{
		"gmial.com": "gmail.com", "gamil.com": "gmail.com", "gmai.com": "gmail.com", "gmaill.com": "gmail.com",
		"gmail.con": "gmail.com", "gmail.co": "gmail.com", "gnail.com": "gmail.com", "hotmial.com": "hotmail.com",
		"hotmil.fr": "hotmail.fr", "yaho.com": "yahoo.com", "outlok.com": "outlook.com", "iclod.com": "icloud.com",
		"orang.fr": "orange.fr", "laposte.ne": "laposte.net", "t-onlin.de": "t-online.de", "web.de": "",
		"gmail.com": "", "GMAIL.com": "", "googlemail.com": "", "hotmail.es": "", "yahoo.co.jp": "", "outlook.it": "",
		"example.org": "", "gmail.example.org": "", "mail.gmail.com": "", "gmmaill.com": "", "ggail.cmo": "",
		"g.com": "", "ab.de": "", "wab.de": "", "me.co": "", "xn--gmal-nza.com": "",
	} {
		if got := parse(t, "ada@"+domain).NearMiss(); got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
	there, err := parse(t, "Ada.L+x@gmial.com").At("gmail.com")
	if err != nil || there.String() != "Ada.L+x@gmail.com" {
		t.Errorf("%s, %v", there, err)
	}
}
