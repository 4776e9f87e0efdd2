package address

import (
	"strings"
	"testing"
)

// FuzzALocalPartIsFoldedAsByUTS46 holds the short way of ASCII to the long one.
func FuzzALocalPartIsFoldedAsByUTS46(f *testing.F) {
	for _, local := range []string{
		"ada", "Ada.Lovelace+News", "XN--bcher-kva", "a.xn--bcher-kva.b", "-a-", "a..b", "!#$%&'*+/=?^_`{|}~",
		"ａｄａ", "ß", "\u212a", strings.Repeat("a", 64), "a b", "\"q\"",
	} {
		f.Add(local)
	}
	f.Fuzz(func(t *testing.T, local string) {
		want, err := folding.ToUnicode(local)
		if err != nil {
			want = strings.ToLower(local)
		}
		if got := fold(local); got != want {
			t.Errorf("%q is folded to %q, want %q", local, got, want)
		}
	})
}

func TestADomainIsOfOneProvider(t *testing.T) {
	of := map[string]int{}
	for i, p := range providers {
		for _, domain := range p.domains {
			if before, twice := of[domain]; twice {
				t.Errorf("%s is of the providers %d and %d", domain, before, i)
			}
			of[domain] = i
		}
	}
	for domain := range of {
		_, parent, _ := strings.Cut(domain, ".")
		if i, ok := of[parent]; ok && providers[i].subdomains {
			t.Errorf("%s is a subdomain of %s, and is read as one", domain, parent)
		}
	}
}
