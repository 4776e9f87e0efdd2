package templates

import (
	"html/template"
	"strings"
)

// funcs is all that templates may call, besides what text/template has itself: an allowlist, with no reach to anything outside.
func (s *Set) funcs(t *tongue) template.FuncMap {
	return template.FuncMap{
		"t":       t.say,
		"lang":    t.name,
		"when":    t.when,
		"lasts":   t.lasts,
		"refusal": t.refusal,
		"state":   t.state,
		"since":   t.since,
		"endonym": s.endonym,
		"asset":   assetPath,
		"reach":   reach,
		"button":  newButton,
		"tag":     tagOrNone,
		"whole":   whole,
	}
}

// endonym names a locale's language in that language; a language that is not built in keeps its tag.
func (s *Set) endonym(locale string) (string, error) {
	t := s.tongue(locale)
	if base := tagsOf(locale); len(base) == 0 || !sameBase(base[0], t.tag) {
		return locale, nil
	}
	return t.say("language.name")
}

// whole keeps a masked address on one line: a browser would break it after its ellipsis. U+2060 joins without a sign of its own.
func whole(address string) string { return strings.ReplaceAll(address, "…@", "…\u2060@") }

// button is the link of a letter that looks like one.
type button struct{ URL, Label string }

func newButton(url, label string) button { return button{URL: url, Label: label} }
