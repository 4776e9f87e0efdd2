package templates

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// maxAcceptLanguage is how much is read of an Accept-Language header, in bytes. Browsers send some dozens. The rest is
// ignored.
const maxAcceptLanguage = 256

// Languages returns the languages built in, in alphabetical order of their tags.
func (s *Set) Languages() []string {
	names := make([]string, len(s.translations))
	for i, t := range s.translations {
		names[i] = t.name()
	}
	slices.Sort(names)
	return names
}

// Language returns the language in which a locale is shown: the locale itself, the nearest one built in, or else
// English. It is the value for Content-Language.
func (s *Set) Language(locale string) string { return s.translation(locale).name() }

func (s *Set) translation(locale string) *translation {
	for _, t := range s.translations {
		if t.name() == locale {
			return t
		}
	}
	_, i := language.MatchStrings(s.matcher, readable(locale)) // without a match the first: English
	return s.translations[i]
}

// Match returns the best of the locales offered for what is wanted: BCP 47 tags or values of Accept-Language headers,
// in order of preference. Even a distant match for one value is better than an exact one for the next. When nothing
// fits, Match returns the first locale offered that is a tag at all, or else the first; when none is offered, the empty
// string. The result is spelled as it was offered. Any input is safe.
func (s *Set) Match(offered []string, wanted ...string) string {
	if len(offered) == 0 {
		return ""
	}
	var tags []language.Tag
	var names []string
	for _, o := range offered {
		if tag, err := language.Parse(o); err == nil {
			tags, names = append(tags, tag), append(names, o)
		}
	}
	if len(tags) == 0 {
		return offered[0]
	}
	headers := make([]string, len(wanted))
	for i, w := range wanted {
		headers[i] = readable(w)
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), headers...)
	return names[i]
}

// readable returns an Accept-Language header without the entries that cannot be read: because of one of those the
// parser would give up the whole header.
func readable(header string) string {
	if len(header) > maxAcceptLanguage {
		header = header[:strings.LastIndexByte(header[:maxAcceptLanguage], ',')+1] // without the entry that was cut
	}
	if _, _, err := language.ParseAcceptLanguage(header); err == nil {
		return header
	}
	var good []string
	for entry := range strings.SplitSeq(header, ",") {
		if _, _, err := language.ParseAcceptLanguage(entry); err == nil {
			good = append(good, entry)
		}
	}
	return strings.Join(good, ",")
}

// endonym returns the name of a locale's language in that language; a language that is not built in keeps its tag.
func (s *Set) endonym(locale string) (string, error) {
	t := s.translation(locale)
	shown, _ := t.tag.Base()
	if tag, err := language.Parse(locale); err == nil {
		if wanted, _ := tag.Base(); wanted == shown {
			return t.text("language.name")
		}
	}
	return locale, nil
}

// canonicalTag returns a BCP 47 tag in its canonical spelling, or nothing if it is none.
func canonicalTag(tag string) string {
	t, err := language.Parse(tag)
	if err != nil {
		return ""
	}
	return t.String()
}
