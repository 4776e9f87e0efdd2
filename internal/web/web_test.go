package web

import (
	"net/url"
	"strings"
	"testing"
)

func TestOptionsThatCannotWorkAreNamed(t *testing.T) {
	e := newEnv(t)
	good := e.web.Options
	for name, row := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"nothing": {func(o *Options) { *o = Options{} }, "required"},
		"a path": {func(o *Options) { o.PublicURL = &url.URL{Scheme: "https", Host: "a.example", Path: "/x"} },
			"no path"},
		"a scheme":        {func(o *Options) { o.PublicURL = &url.URL{Scheme: "ftp", Host: "a.example"} }, "https"},
		"a site too many": {func(o *Options) { o.Sites["other"] = Site{} }, "site other"},
		"a site too few":  {func(o *Options) { delete(o.Sites, "club") }, "site club"},
		"no text": {func(o *Options) { s := o.Sites["club"]; s.Locales = []string{"de"}; o.Sites["club"] = s },
			"no text in de"},
		"no locale": {func(o *Options) { s := o.Sites["club"]; s.Locales = nil; o.Sites["club"] = s }, "locale"},
		"a redirect": {func(o *Options) {
			s := o.Sites["club"]
			s.Redirects = []*url.URL{{Path: "/x"}}
			o.Sites["club"] = s
		}, "redirect"},
	} {
		o := good
		o.Sites = shown()
		row.change(&o)
		if _, err := newApp(o); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
