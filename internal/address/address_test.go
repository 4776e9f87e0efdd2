package address_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/optin/optin/internal/address"
)

func TestOrdinaryAddressesAreAccepted(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.org":                        "ada@example.org",
		"Ada.Lovelace@Example.ORG":               "Ada.Lovelace@example.org", // case may matter in the local part
		"o'brien+news@sub.example.ie":            "o'brien+news@sub.example.ie",
		"a@xn--bcher-kva.example":                "a@xn--bcher-kva.example",
		"a@bücher.example":                       "a@xn--bcher-kva.example",
		"a@BÜCHER.example":                       "a@xn--bcher-kva.example",
		"mıke@example.org":                       "mıke@example.org",
		"用户@例子.广告":                               "用户@xn--fsqu00a.xn--4rr70v",
		"a@example.org":                          "a@example.org",
		strings.Repeat("l", 64) + "@example.org": strings.Repeat("l", 64) + "@example.org",
	} {
		if a, err := address.Parse(in); err != nil || a.String() != want {
			t.Errorf("%q = %q, %v; want %q", in, a, err, want)
		}
	}
}

func TestWhatIsNotOneBareAddressIsRefused(t *testing.T) {
	for _, in := range []string{
		"", "@", "ada", "ada@", "@example.org", "ada@example", "ada@localhost", "ada@.org", "ada@example.",
		"ada@example.org.", "ada@example..org", ".ada@example.org", "-ada@example.org", "-oQ/tmp@example.org",
		"ada.@example.org", "a..da@example.org", "ada @example.org", " ada@example.org", "ada@example.org ",
		"ada@exa mple.org",
		"ada@@example.org", "ada@bob@example.org", "ada@example.org,bob@example.org", "ada@example.org;bob@example.org",
		"Ada <ada@example.org>", "<ada@example.org>",
		"ada@[127.0.0.1]", "ada@127.0.0.1", "ada@1.2", `"e@evil.test"@example.org`, `"ada"@example.org`,
		"ada(comment)@example.org", "ada@example.org(comment)",
		"list:ada@example.org;", "x> ORCPT=y@example.org", "ada\r\nBcc: eve@evil.test@example.org",
		"ada@example.org\r\nRCPT TO:<eve@evil.test>", "ada\x00@example.org", "ada@exam\x00ple.org",
		"ada@-example.org", "ada@example-.org", "ada@exa_mple.org", "ada@xn--example-.com", "ada@xn--a.com",
		"ada@xn--.com", "a\u202eb@example.org", "a\u200bb@example.org", "ada@exam\u202eple.org",
		"\xff@example.org", "ada@\xffexample.org", "ada\u00a0@example.org", "ada@example.org\u0000",
		"ada%00@exa\nmple.org", "\u0130\u0307 @x.org",
		strings.Repeat("l", 65) + "@example.org", "ada@" + strings.Repeat("d", 64) + ".org",
		strings.Repeat("l", 60) + "@" + strings.Repeat("d.", 100) + "org",
		strings.Repeat("@", 8000), strings.Repeat("(", 8000), strings.Repeat("a.", 4000) + "@example.org",
	} {
		if a, err := address.Parse(in); err == nil {
			t.Errorf("%.60q was accepted as %q", in, a)
		}
	}
}

func TestAddressesThatLookAlikeAreDifferent(t *testing.T) {
	for _, pair := range [][2]string{
		{"mıke@example.org", "mike@example.org"},
		{"Ada@example.org", "ada@example.org"},
		{"weiß@example.org", "weiss@example.org"},
		{"\u212aim@example.org", "kim@example.org"},
	} {
		a, err1 := address.Parse(pair[0])
		b, err2 := address.Parse(pair[1])
		if err1 != nil || err2 != nil || a == b {
			t.Errorf("%q and %q: %v, %v; the same: %t", pair[0], pair[1], err1, err2, a == b)
		}
	}
}

func TestAMaskedAddressShowsOneCharacterAndTheDomain(t *testing.T) {
	if got := parse(t, "ada.lovelace@example.org").Masked(); got != "a…@example.org" {
		t.Error(got)
	}
}

func TestTheWordsThatNameAnAddressAreHidden(t *testing.T) {
	for _, row := range []struct{ address, text, want string }{
		{"Ada.L@b.example", "550 <ada.l@B.example>: no user at mx.b.example", "550 … no user at mx.b.example"},
		{"ada@b.example", "550 user ADA, see https://b.example/?of=ada%40b.example", "550 user … see …"},
		{"ada@b.example", "554 eve@c.example is full", "554 … is full"},
		{"a@b.example", "550 user a unknown, says <a>", "550 user … unknown, says …"},
		{"ada@b.example", "452 4.2.2 mailbox full", "452 4.2.2 mailbox full"},
	} {
		if got := parse(t, row.address).HiddenIn(row.text); got != row.want {
			t.Errorf("%q has %q, want %q", row.text, got, row.want)
		}
	}
	if got := (address.Address{}).HiddenIn("- , <x@y>"); got != "- , …" {
		t.Errorf("without an address: %q", got)
	}
}

// A domain that is not a large provider's may be that of one person, and so names them as the address does.
func TestALoggedAddressShowsTheDomainOfALargeProviderOnly(t *testing.T) {
	for typed, want := range map[string]string{
		"ada.lovelace@gmail.com": "a…@gmail.com", "ada@hotmail.co.uk": "a…@hotmail.co.uk",
		"ada@lovelace.example": "a…@…", "ada@mail.yahoo.lovelace.example": "a…@…",
	} {
		if got := parse(t, typed).Logged(); got != want {
			t.Errorf("%s is logged as %s, want %s", typed, got, want)
		}
	}
	if got := (address.Address{}).Logged(); got != "" {
		t.Errorf("no address is logged as %s", got)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"ada@example.org", "a@bücher.example", `"x"@y.z`, "a@xn--bcher-kva.example", "用户@例子.广告", "a@b.c\r\nX: y",
	} {
		f.Add(s)
	}
	const forbidden = " \t\r\n\x00<>()[]:;,\\\""
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.Parse(s)
		if err != nil {
			if !a.IsZero() {
				t.Fatalf("%q failed and yet is %q", s, a)
			}
			return
		}
		again, err := address.Parse(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %q, which is %q, %v", s, a, again, err)
		}
		written := a.String()
		if len(written) > 254 || strings.Count(written, "@") != 1 || strings.ContainsAny(written, forbidden) {
			t.Fatalf("%q became %q", s, a)
		}
	})
}

func parse(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSpellingsThatNobodyTypesAreRefused(t *testing.T) {
	for _, a := range []string{
		`"ken"@example.org`, "ken@example.org.", "ken.@gmail.com", "k..en@gmail.com", "ken＋x@example.org",
		"ken＠example.org", "ken．x@gmail.com", "ken\u00ad@example.org", "ken\u200b@example.org", "ken\u200d@example.org",
		"(x)ken@example.org", "ken@[192.0.2.7]",
	} {
		if _, err := address.Parse(a); !errors.Is(err, address.ErrInvalid) {
			t.Errorf("%q: %v", a, err)
		}
	}
}
