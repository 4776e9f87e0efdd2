package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// readPurpose reads one purpose: its text must stand in every language of the site, and in no other.
func readPurpose(v value, of Site, ids map[string]int) Purpose {
	g := v.group("id", "text", "after")
	return Purpose{ID: unique(g.get("id"), ids), Text: readTexts(g.get("text"), of.Locales), After: readAfter(g.get("after"), of.Redirects)}
}

// readTexts reads the text of a purpose by language.
func readTexts(v value, locales []string) map[string]string {
	entries := v.entries()
	if v.given() && v.node.Kind != yaml.MappingNode {
		return nil
	}
	texts := map[string]string{}
	for _, e := range entries {
		locale, err := parseLocale(e.key)
		_, again := texts[locale]
		switch {
		case err != nil:
			e.fail("%s", err.Error())
		case again:
			e.fail("is given twice; keep one")
		case len(locales) > 0 && !slices.Contains(locales, locale):
			e.fail("is not one of the site's locales, %s; add it there, or delete this text", strings.Join(locales, ", "))
		default:
			texts[locale] = required(e.value, parseWords(maxText))
		}
	}
	var lacking []string
	for _, locale := range locales {
		if _, there := texts[locale]; !there {
			lacking = append(lacking, locale)
		}
	}
	switch {
	case len(lacking) > 0:
		v.fail("has no text in %s; write one for each of the site's locales", strings.Join(lacking, ", "))
	case !v.given():
		v.fail("is missing; write one text for each of the site's locales")
	}
	return texts
}
