package config

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks what is true of every file: no panic, and either a configuration or problems, each on one line of UTF-8 with the
// number of a line that exists, in order.
func FuzzParse(f *testing.F) {
	f.Add([]byte(contract))
	f.Add([]byte(minimal))
	f.Add(Sample())
	for i, form := range wrongForms {
		f.Add([]byte(strings.Replace(contract, secretPlaces[i%len(secretPlaces)], "secret: "+form, 1)))
		f.Add([]byte("a: " + form + "\nsites: [{locales: [" + form + "], purposes: [{text: {fr: " + form + "}}]}]\n"))
	}
	read := files(map[string]string{"short": "hunter2", "keys": "a\nb\n"})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("optin.yaml", data, variables, read, "en", "fr")
		if err == nil {
			if c == nil || c.PublicURL == nil || len(c.Secrets) == 0 || len(c.Sites) == 0 || len(c.Sites[0].Locales) == 0 || c.Sites[0].LinkTTL == 0 {
				t.Fatalf("accepted, but incomplete: %v", c)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 || c != nil {
			t.Fatalf("got %v with %T", c, err)
		}
		lines, last := 1+strings.Count(string(data), "\n")+strings.Count(string(data), "\r"), 1
		for _, p := range problems {
			if p.Line < last || p.Line > lines || p.What == "" || strings.ContainsFunc(p.String(), isControl) || !utf8.ValidString(p.String()) {
				t.Fatalf("%d lines: %q", lines, p.String())
			}
			last = p.Line
		}
	})
}
