package redirect

import (
	"net/url"
	"strings"
	"testing"
)

func prefixes(t testing.TB) (all []*url.URL) {
	t.Helper()
	for _, text := range []string{"https://gazette.example/thanks/", "https://gazette.example/exact",
		"https://shop.example:8443/", "http://127.0.0.1:9000"} {
		u, err := Parse(text)
		if err == nil {
			err = CheckPrefix(u)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

// allowed parses a URL that is under one of the prefixes.
func allowed(text string, prefixes []*url.URL) (*url.URL, bool) {
	u, err := Parse(text)
	return u, err == nil && Under(u, prefixes)
}

func TestAPersonIsSentOnlyWhereTheSiteSaid(t *testing.T) {
	all := prefixes(t)
	for _, good := range []string{
		"https://gazette.example/thanks/", "https://gazette.example/thanks/a/b?c=d&e=https://evil.example#f",
		"https://gazette.example/exact",
		"https://gazette.example/exact?x", "https://gazette.example/exact/below", "https://shop.example:8443",
		"https://shop.example:8443/x",
		"http://127.0.0.1:9000/", "https://GAZETTE.example/thanks/", "https://gazette.example/thanks/%C3%A9",
	} {
		if u, ok := allowed(good, all); !ok || !strings.HasPrefix(u.String(), u.Scheme+"://"+u.Host+"/") {
			t.Errorf("%s: %v", good, u)
		}
	}
	for _, bad := range []string{
		"", "/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "https:evil.example",
		"https:/evil.example", "https:///evil.example",
		"https://evil.example/", "https://evil.example/https://gazette.example/thanks/",
		"https://gazette.example.evil.example/thanks/",
		"https://gazette.example@evil.example/thanks/", "https://evil.example@gazette.example/thanks/",
		"https://gazette.example:443@evil.example/",
		"https://gazette.example:444/thanks/", "https://gazette.example:/thanks/", "http://gazette.example/thanks/",
		"HTTPS://gazette.example/thanks/", "javascript:alert(1)", "data:text/html,x",
		"javascript://gazette.example/thanks/%0aalert(1)", "https://gazette.example/", "https://gazette.example/other",
		"https://gazette.example/thanksevil", "https://gazette.example/exactly",
		"https://gazette.example/thanks", "https://gazette.example/thanks/../admin",
		"https://gazette.example/thanks/..", "https://gazette.example/thanks/./x",
		"https://gazette.example/thanks/%2e%2e/admin", "https://gazette.example/thanks/%2E./admin",
		"https://gazette.example/thanks/..%2fadmin", "https://gazette.example/thanks%2f..%2fadmin",
		"https://gazette.example/thanks/..%5cadmin", "https://gazette.example/thanks/\\..\\admin",
		"https://gazette.example\\@evil.example/thanks/", "https://gazette.example/thanks/\n",
		"https://gazette.example/thanks/\x00",
		"https://gazette.example/thanks/%00", "https://gazette.example/thanks/a%2fb",
		"https://gazette.example/thanks/a%5Cb", "https://gazette.example/thanks/%0d%0aSet-Cookie:x",
		" https://gazette.example/thanks/", "https://gazette.example/thanks/ x", "https://gazette.example/thanks/é",
		"https://gazette.example/thanks/\u2028", "https://gаzette.example/thanks/", "https://shop.example/x",
		"https://gazette.example%2eevil.example/thanks/", "https://[gazette.example]/thanks/",
		"https://gazette.example/thanks/" + strings.Repeat("a", maxLength),
	} {
		if u, ok := allowed(bad, all); ok {
			t.Errorf("%q leads to %v", bad, u)
		}
	}
}

func TestAPrefixIsChecked(t *testing.T) {
	for _, bad := range []string{"", "/thanks", "//gazette.example/", "https://", "https://a@b.example/",
		"https://b.example/?q", "https://b.example/#f", "ftp://b.example/", "https://b.example/../"} {
		if u, err := Parse(bad); err == nil && CheckPrefix(u) == nil {
			t.Errorf("%q is taken by its text", bad)
		}
		if u, err := url.Parse(bad); err == nil && CheckPrefix(u) == nil {
			t.Errorf("%q is taken as a URL", bad)
		}
	}
}

// FuzzRedirect holds the check to what it promises: whatever passes is, re-read, on an allowed host under an allowed
// path.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"https://gazette.example/thanks/a", "https://gazette.example/thanks/%2e%2e",
		"//evil.example", "https:evil", "https://gazette.example\\@evil.example/",
		"https://gazette.example/thanks/%252e%252e/x", "https://gazette.example/thanks//evil.example",
		"https://shop.example:8443/\x7f"} {
		f.Add(seed)
	}
	all := prefixes(f)
	f.Fuzz(func(t *testing.T, raw string) {
		u, ok := allowed(raw, all)
		if !ok {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.User != nil || again.Opaque != "" {
			t.Fatalf("%q became %q: %v", raw, u, err)
		}
		switch again.Scheme + "://" + again.Host {
		case "https://gazette.example":
			if !strings.HasPrefix(again.Path, "/thanks/") && again.Path != "/exact" &&
				!strings.HasPrefix(again.Path, "/exact/") {
				t.Errorf("%q leads to the path %q", raw, again.Path)
			}
		case "https://shop.example:8443", "http://127.0.0.1:9000":
		default:
			t.Errorf("%q leads to the host %q", raw, again.Host)
		}
		if strings.ContainsAny(u.String(), "\\\r\n\t \x00") || strings.Contains(again.Path+"/", "/../") {
			t.Errorf("%q became %q", raw, u)
		}
	})
}
