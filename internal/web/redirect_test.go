package web

import (
	"net/url"
	"strings"
	"testing"
)

func redirecting(t testing.TB) *site {
	t.Helper()
	st := &site{id: "gazette", formAction: "'self'"}
	for _, p := range []string{"https://gazette.example/thanks/", "https://gazette.example/exact",
		"https://shop.example:8443/", "http://127.0.0.1:9000"} {
		must(t, st.addRedirect(p))
	}
	return st
}

func TestAPersonIsSentOnlyWhereTheSiteSaid(t *testing.T) {
	st := redirecting(t)
	for _, good := range []string{
		"https://gazette.example/thanks/", "https://gazette.example/thanks/a/b?c=d&e=https://evil.example#f",
		"https://gazette.example/exact",
		"https://gazette.example/exact?x", "https://gazette.example/exact/below", "https://shop.example:8443",
		"https://shop.example:8443/x",
		"http://127.0.0.1:9000/", "https://GAZETTE.example/thanks/", "https://gazette.example/thanks/%C3%A9",
	} {
		if u, err := st.allowed(good); err != nil || !strings.HasPrefix(u.String(), u.Scheme+"://"+u.Host+"/") {
			t.Errorf("%s: %v, %v", good, u, err)
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
		"https://gazette.example/thanks/" + strings.Repeat("a", maxRedirect),
	} {
		if u, err := st.allowed(bad); err == nil {
			t.Errorf("%q leads to %v", bad, u)
		}
	}
}

func TestAPrefixIsChecked(t *testing.T) {
	for _, bad := range []string{"", "/thanks", "//gazette.example/", "https://", "https://a@b.example/",
		"https://b.example/?q", "https://b.example/#f", "ftp://b.example/", "https://b.example/../"} {
		if err := new(site).addRedirect(bad); err == nil {
			t.Errorf("%q is taken", bad)
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
	st := redirecting(f)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := st.allowed(raw)
		if err != nil {
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
