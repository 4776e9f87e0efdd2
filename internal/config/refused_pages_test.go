package config

import (
	"strings"
	"testing"

	"github.com/optin/optin/internal/theme"
)

// The rows put a line before link_ttl, which stands on line 23.
func TestWrongLooksAndPagesAreRefused(t *testing.T) {
	row := func(line string, want ...string) refusal {
		return refusal{"    link_ttl: 48h ", "    " + line + "\n    link_ttl: 48h ", want}
	}
	const colour = " must be a colour such as #8c3a1f, in quotes: # begins a comment in YAML"
	refuse(t, []refusal{
		row("theme: {acent: '#8c3a1f'}", "23: sites[0].theme.acent is not known; did you mean accent?"),
		row("theme: {accent: red, background: 'rgb(1,2,3)', text: '#12345'}",
			"23: sites[0].theme.accent"+colour, "23: sites[0].theme.background"+colour, "23: sites[0].theme.text"+colour),
		row("theme: {accent: '#fff;}body{'}", "23: sites[0].theme.accent"+colour),
		row("theme: {text: '#777777', background: '#ffffff'}",
			"23: sites[0].theme is not legible: text on background has a contrast of 4.47:1; make it 4.5:1 or more (WCAG 2.2, 1.4.3)"),
		row("theme: {accent: '#ffff00'}",
			"23: sites[0].theme is not legible: accent on background has a contrast of 1.05:1; make it 4.5:1 or more (WCAG 2.2, 1.4.3)"),
		row("theme: {radius: 25}", "23: sites[0].theme.radius must be a whole number of pixels from 0 to 24"),
		row("theme: {radius: 8px}", "23: sites[0].theme.radius must be a whole number of pixels from 0 to 24"),
		row("theme: {font: Comic Sans}", "23: sites[0].theme.font must be system or serif"),
		row("theme: {logo: https://gazette.example/logo.png}",
			"23: sites[0].theme.logo must be the name of a file, not a URL: optin serves the picture itself, so that pages load nothing from elsewhere"),
		row("theme: {logo: none.png}", "23: sites[0].theme.logo names a file that cannot be read: it does not exist; a relative name is relative to the folder of the configuration"),
		row("theme: {logo: good}", "23: sites[0].theme.logo names a file that is neither PNG, JPEG, WebP nor SVG"),
		row("frame_ancestors: ['*', https://gazette.example/]",
			"23: sites[0].frame_ancestors[0] must be one website; * and null are not allowed",
			"23: sites[0].frame_ancestors[1] must end after the host and port, without a slash: scheme://host or scheme://host:port"),
		row("after: {sign_up: https://gazette.example/a}", "23: sites[0].after.sign_up is not known; did you mean signup?"),
		row("after: {signup: https://evil.test/a, confirm: http://gazette.example/a, withdraw: https://gazette.example:8443/a}",
			"23: sites[0].after.signup is not under any of the site's redirects; add a prefix of it to them",
			"23: sites[0].after.confirm is not under any of the site's redirects; add a prefix of it to them",
			"23: sites[0].after.withdraw is not under any of the site's redirects; add a prefix of it to them"),
		row("after: {signup: /merci, confirm: 'https://gazette.example/a?b=c', withdraw: https://gazette.example/a/%2e%2e/b}",
			"23: sites[0].after.signup must begin with https:// (or http://) and a host",
			"23: sites[0].after.confirm must be a page without ? and #",
			"23: sites[0].after.withdraw must not contain . or .. as a path segment"),
		row("after: {signup: https://gazette.example/a%2fb}", "23: sites[0].after.signup must not contain %2F, %5C or %00: browsers and servers read them differently"),
		{"      - id: letter\n", "      - id: letter\n        after: {confirm: https://evil.test/}\n", []string{
			"26: sites[0].purposes[0].after.confirm is not under any of the site's redirects; add a prefix of it to them",
		}},
		{"redirects: [https://gazette.example/] ", "redirects: [https://gazette.example/merci]\n    after: {signup: https://gazette.example/merci/a, confirm: https://gazette.example/mercia}", []string{
			"21: sites[0].after.confirm is not under any of the site's redirects; add a prefix of it to them",
		}},
	})
}

func TestWhatATurnedOffThemeLeavesIsThePagesOwn(t *testing.T) {
	for line, want := range map[string]*theme.Theme{"theme: {}": nil, "theme:": nil, "theme: {font: system}": func() *theme.Theme {
		d := theme.Default()
		d.Font = theme.System
		return &d
	}()} {
		c, err := Parse("optin.yaml", []byte(strings.Replace(minimal, "    locales:", "    "+line+"\n    locales:", 1)), variables, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Sites[0].Theme; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s gives %+v", line, got)
		}
	}
}

func TestAPictureIsWhatItsContentSays(t *testing.T) {
	for content, want := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png", "\xff\xd8\xff\xe0": "image/jpeg", "RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
		"<?xml version=\"1.0\"?>\n<!-- a -->\n<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"\"/></svg>\n": "image/svg+xml",
		"": "", "GIF89a": "", "<svg></svg>": "", "<html xmlns=\"http://www.w3.org/2000/svg\"><svg/></html>": "", "<svg xmlns=\"http://www.w3.org/2000/svg\"><a>": "",
		"<!doctype html><script>": "",
	} {
		if got := pictureOf([]byte(content)); got != want {
			t.Errorf("%.40q is %q, want %q", content, got, want)
		}
	}
}
