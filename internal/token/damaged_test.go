package token

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// damage is what mail programs, gateways, documents and hands do to a token.
var damage = map[string]func(token string) string{
	"nothing":                     func(s string) string { return s },
	"a full stop behind":          func(s string) string { return s + "." },
	"two of them":                 func(s string) string { return s + ".." },
	"a comma":                     func(s string) string { return s + "," },
	"brackets":                    func(s string) string { return "<" + s + ">" },
	"parentheses":                 func(s string) string { return "(" + s + ")." },
	"quotes":                      func(s string) string { return `"` + s + `"` },
	"quotes of a word processor":  func(s string) string { return "“" + s + "”" },
	"French quotes":               func(s string) string { return "«\u00a0" + s + "\u202f»" },
	"stars":                       func(s string) string { return "*" + s + "*" },
	"underscores":                 func(s string) string { return "_" + s + "_" },
	"a dash behind":               func(s string) string { return s + "-" },
	"a no-break space":            func(s string) string { return s + "\u00a0" },
	"a zero-width space in front": func(s string) string { return "\u200b" + s },
	"zero-width characters inside": func(s string) string {
		return s[:9] + "\u200b" + s[9:70] + "\ufeff" + s[70:] + "\u2060"
	},
	"a soft hyphen":              func(s string) string { return s[:60] + "\u00ad" + s[60:] },
	"a line break":               func(s string) string { return s[:70] + "\r\n" + s[70:] },
	"a quoted line break":        func(s string) string { return s[:70] + "\n> " + s[70:] },
	"a tab":                      func(s string) string { return s[:70] + "\t" + s[70:] },
	"a soft line break":          func(s string) string { return s[:70] + "=\r\n" + s[70:] },
	"one of it left":             func(s string) string { return s[:70] + "=" + s[70:] },
	"quoted-printable":           func(s string) string { return strings.ReplaceAll(s, ".", "=2E") },
	"in small letters":           func(s string) string { return strings.ReplaceAll(s, ".", "=2e") },
	"escaped":                    func(s string) string { return strings.ReplaceAll(s, ".", "%2E") },
	"escaped twice":              func(s string) string { return strings.ReplaceAll(s, ".", "%252e") },
	"an escaped bracket":         func(s string) string { return s + "%3E" },
	"an escaped question mark":   func(s string) string { return s + "%3Futm_source=x" },
	"an entity":                  func(s string) string { return s + "&gt;" },
	"a parameter":                func(s string) string { return s + "&utm_source=x" },
	"a session":                  func(s string) string { return s + ";jsessionid=1" },
	"a slash":                    func(s string) string { return s + "/" },
	"slashes in front":           func(s string) string { return "//" + s },
	"a slash where a line broke": func(s string) string { return s[:70] + "/" + s[70:] },
	"the whole link again":       func(s string) string { return public + "/c/" + s },
	"a sentence behind":          func(s string) string { return s + "\">press here</a>" },
	"a word on the next line":    func(s string) string { return s + "\nThanks" },
}

func TestAWholeTokenIsFoundInWhatMailProgramsMakeOfIt(t *testing.T) {
	s := newSigner(t, "s")
	for _, use := range everyUse {
		token := s.Token(linkFor(use))
		for name, do := range damage {
			damaged := do(token)
			if got, err := s.Find(damaged, use); got != token {
				t.Errorf("%s, %s: %q, %v", use, name, got, err)
			}
			if damaged != token {
				if _, err := s.Parse(damaged, use); !errors.Is(err, ErrUnknown) || IsWhole(damaged) {
					t.Errorf("%s, %s: it is taken for whole: %v", use, name, err)
				}
			}
			for _, other := range everyUse {
				if _, err := s.Find(damaged, other); other != use && !errors.Is(err, ErrUnknown) {
					t.Errorf("%s, %s: found for %s: %v", use, name, other, err)
				}
			}
		}
	}
}

func TestATokenThatWasShortenedOrChangedIsNotFound(t *testing.T) {
	s := newSigner(t, "s")
	token := s.Token(linkFor(UseConfirm))
	other := newSigner(t, "o").Token(linkFor(UseConfirm))
	rows := map[string]string{
		"nothing": "", "a dot": ".", "dots": strings.Repeat(".", 16<<10), "the start": tokenStart,
		"twice":              token + token,
		"in capitals":        strings.ToUpper(token),
		"another secret's":   other + ".",
		"without its header": token[len(tokenStart):] + ".",
		"a letter inside":    token[:70] + "x" + token[70:] + ".",
		"two swapped":        token[:30] + token[31:32] + token[30:31] + token[32:] + ">",
		"a dot for a letter": token[:40] + "." + token[41:],
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" {
		rows[string(c)+" behind"], rows[string(c)+" in front"] = token+string(c), string(c)+token
	}
	for n := range token {
		rows["cut to "+token[:n]] = token[:n] + "."
		rows["cut from "+token[n:]] = "<" + token[n+1:]
		if changed := []byte(token); changed[n] != '.' {
			changed[n] ^= 1
			rows["changed: "+string(changed)] = string(changed) + ")"
		}
	}
	for name, text := range rows {
		for _, text := range []string{text, url.PathEscape(text)} {
			if got, err := s.Find(text, everyUse...); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	s := newSigner(f, "s")
	token := s.Token(linkFor(UseConfirm))
	for _, do := range damage {
		f.Add(do(token))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := s.Find(text, everyUse...); (err == nil) != (got == token) || got != "" && got != token {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
	})
}
