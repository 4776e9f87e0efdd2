package confirm_test

import (
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
)

func TestAddressesThatPeopleHaveAreTaken(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.org":                        "ada@example.org",
		"Ada.Lovelace@Example.ORG":               "Ada.Lovelace@example.org", // the local part is the receiver's business
		"o'brien+news@sub.example.ie":            "o'brien+news@sub.example.ie",
		"a@xn--bcher-kva.example":                "a@xn--bcher-kva.example",
		"a@bücher.example":                       "a@xn--bcher-kva.example",
		"a@BÜCHER.example":                       "a@xn--bcher-kva.example",
		"mıke@example.org":                       "mıke@example.org",
		"用户@例子.广告":                               "用户@xn--fsqu00a.xn--4rr70v",
		"a@example.org":                          "a@example.org",
		strings.Repeat("l", 64) + "@example.org": strings.Repeat("l", 64) + "@example.org",
	} {
		if a, err := confirm.ParseAddress(in); err != nil || a.String() != want {
			t.Errorf("%q = %q, %v; want %q", in, a, err, want)
		}
	}
}

func TestWhatIsNoPlainMailboxIsRefused(t *testing.T) {
	for _, in := range []string{
		"", "@", "ada", "ada@", "@example.org", "ada@example", "ada@localhost", "ada@.org", "ada@example.", "ada@example.org.", "ada@example..org",
		".ada@example.org", "ada.@example.org", "a..da@example.org", "ada @example.org", " ada@example.org", "ada@example.org ", "ada@exa mple.org",
		"ada@@example.org", "ada@bob@example.org", "ada@example.org,bob@example.org", "ada@example.org;bob@example.org", "Ada <ada@example.org>", "<ada@example.org>",
		"ada@[127.0.0.1]", "ada@127.0.0.1", "ada@1.2", `"e@evil.test"@example.org`, `"ada"@example.org`, "ada(comment)@example.org", "ada@example.org(comment)",
		"list:ada@example.org;", "x> ORCPT=y@example.org", "ada\r\nBcc: eve@evil.test@example.org", "ada@example.org\r\nRCPT TO:<eve@evil.test>", "ada\x00@example.org", "ada@exam\x00ple.org",
		"ada@-example.org", "ada@example-.org", "ada@exa_mple.org", "ada@xn--example-.com", "ada@xn--a.com", "ada@xn--.com", "a\u202eb@example.org", "a\u200bb@example.org", "ada@exam\u202eple.org",
		"\xff@example.org", "ada@\xffexample.org", "ada\u00a0@example.org", "ada@example.org\u0000", "ada%00@exa\nmple.org", "\u0130\u0307 @x.org",
		strings.Repeat("l", 65) + "@example.org", "ada@" + strings.Repeat("d", 64) + ".org", strings.Repeat("l", 60) + "@" + strings.Repeat("d.", 100) + "org",
		strings.Repeat("@", 8000), strings.Repeat("(", 8000), strings.Repeat("a.", 4000) + "@example.org",
	} {
		if a, err := confirm.ParseAddress(in); err == nil {
			t.Errorf("%.60q was taken as %q", in, a)
		}
	}
}

func TestPeopleWhoseAddressesLookAlikeAreNotOne(t *testing.T) {
	for _, pair := range [][2]string{{"mıke@example.org", "mike@example.org"}, {"Ada@example.org", "ada@example.org"}, {"weiß@example.org", "weiss@example.org"}, {"\u212aim@example.org", "kim@example.org"}} {
		a, err1 := confirm.ParseAddress(pair[0])
		b, err2 := confirm.ParseAddress(pair[1])
		if err1 != nil || err2 != nil || a == b {
			t.Errorf("%q and %q: %v, %v; one: %v", pair[0], pair[1], err1, err2, a == b)
		}
	}
}

func TestAMaskedAddressShowsOneLetter(t *testing.T) {
	if got := address("ada.lovelace@example.org").Masked(); got != "a…@example.org" {
		t.Error(got)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"ada@example.org", "a@bücher.example", `"x"@y.z`, "a@xn--bcher-kva.example", "用户@例子.广告", "a@b.c\r\nX: y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := confirm.ParseAddress(s)
		if err != nil {
			if !a.IsZero() {
				t.Fatalf("%q failed and yet is %q", s, a)
			}
			return
		}
		again, err := confirm.ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %q, which is %q, %v", s, a, again, err)
		}
		if len(a.String()) > 254 || strings.ContainsAny(a.String(), " \t\r\n\x00<>()[]:;,\\\"") || strings.Count(a.String(), "@") != 1 {
			t.Fatalf("%q became %q", s, a)
		}
	})
}
