package templates

import "html/template"

// funcs is all that templates may call, besides what text/template has itself: an allowlist, with no reach to anything outside.
func (s *Set) funcs(t *tongue) template.FuncMap {
	return template.FuncMap{
		"t":       t.say,
		"lang":    t.name,
		"when":    t.when,
		"lasts":   t.lasts,
		"refusal": t.refusal,
		"state":   t.state,
		"endonym": s.endonym,
		"asset":   assetPath,
		"reach":   reach,
		"button":  newButton,
		"tag":     tagOrNone,
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

// button is the link of a letter that looks like one.
type button struct{ URL, Label string }

func newButton(url, label string) button { return button{URL: url, Label: label} }
