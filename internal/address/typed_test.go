package address_test

import (
	"errors"
	"testing"

	"github.com/optin/optin/internal/address"
)

func TestAnAddressIsReadAsPeoplePasteIt(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.org":                          "ada@example.org",
		" ada@example.org\t":                       "ada@example.org",
		"\u00a0ada@example.org\u00a0":              "ada@example.org", // no-break space
		"\u202fada@example.org\u2009":              "ada@example.org", // narrow spaces
		"\u3000ada@example.org\u3000":              "ada@example.org", // ideographic space
		"ada@example.org\u2028":                    "ada@example.org", // line separator
		"ada@example.org\u0085":                    "ada@example.org",
		"\ufeffada@example.org":                    "ada@example.org", // byte order mark
		"\u200bada@example.org\u200b":              "ada@example.org",
		"\u200e\u200fada@example.org\u200f":        "ada@example.org",
		"\u202aada@example.org\u202c":              "ada@example.org", // embedding
		"\u2066ada@example.org\u2069 ":             "ada@example.org", // isolate
		"\u00adada@example.org\u2060":              "ada@example.org",
		"ada\u200b@\u200bexam\u00adple.org":        "ada@example.org", // where a page lets it break
		"ada＠example.org":                          "ada@example.org",
		"ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ":                          "ada@example.org",
		"Ａｄａ＋ｎｅｗｓ@example.org":                     "Ada+news@example.org",
		"ada@example。org":                          "ada@example.org",
		"ada｡lovelace@example｡org":                 "ada.lovelace@example.org",
		"ada﹫example﹒org":                          "ada@example.org", // small forms
		"ada@example.org.":                         "ada@example.org",
		"ada@example.org。":                         "ada@example.org",
		"ada@example.org. ":                        "ada@example.org",
		"mailto:ada@example.org":                   "ada@example.org",
		"MailTo:ada@example.org?subject=Hello%20w": "ada@example.org",
		"mailto://ada@example.org":                 "ada@example.org", // wrong, and found on pages
		"mailto:ada%2Bnews@example.org":            "ada+news@example.org",
		"mailto:ada%40example.org":                 "ada@example.org",
		"mailto:%20ada@example.org":                "ada@example.org",
		"ｍａｉｌｔｏ：ada@example.org":                   "ada@example.org",
		"a?b@example.org":                          "a?b@example.org",
		"mailto:a?b@example.org?cc=eve@evil.test":  "",
		"weiß@example.org":                         "weiß@example.org",
		"𝐤en@example.org":                          "𝐤en@example.org", // not a keyboard's form
	} {
		a, err := address.ParseTyped(in)
		if want == "" {
			if !errors.Is(err, address.ErrInvalid) {
				t.Errorf("%q was accepted as %q", in, a)
			}
			continue
		}
		if err != nil || a.String() != want {
			t.Errorf("%q = %q, %v; want %q", in, a, err, want)
		}
	}
}

func TestWhatIsPastedIsNotGuessed(t *testing.T) {
	for _, in := range []string{
		"", " ", "\ufeff", "mailto:", "mailto:ada", "ada@example", "ada", "ada@", "@example.org", "ada@example.org..",
		"http:ada@example.org", "to:ada@example.org", "mailto:mailto:ada@example.org", "mailto:ada%00@example.org",
		"mailto:ada%0d%0aBcc:eve@evil.test", "mailto:ada%4", "mailto:ada@example.org,eve@evil.test",
		"ada@example.org,", "<ada@example.org>", "Ada <ada@example.org>", `"ada"@example.org`, "ada@example.org;",
		"ada@@example.org", "ada＠＠example.org", "ada﹫＠example.org", "ada@eve@example.org",
		"ada @example.org", "ada@ example.org",
		"ada\u00a0@example.org", "ada@exam ple.org", "ada@example.org eve@evil.test",
		"a\u202eb@example.org", "ada@exam\u202eple.org", "a\u200db@example.org", "a\u200cb@example.org",
		"ada\x00@example.org", "ada@example.org\x00", "\x1bada@example.org",
		"\uff0dada@example.org", "ada@example.org\xff", "＂ada＂@example.org", "ada＜@example.org",
	} {
		if a, err := address.ParseTyped(in); !errors.Is(err, address.ErrInvalid) {
			t.Errorf("%q was accepted as %q", in, a)
		}
	}
}

func FuzzParseTyped(f *testing.F) {
	for _, s := range []string{"mailto:a%40b.cc?x", "\u200ba@b.cc.", "ａ＠ｂ．ｃｃ", "mailto:a?b@c.dd?e@f.gg"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.ParseTyped(s)
		if err != nil {
			return
		}
		if again, err := address.ParseTyped(a.String()); err != nil || again != a {
			t.Fatalf("%q is %q, which is %q, %v", s, a, again, err)
		}
	})
}
