package templates

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// The most that is read of one wanted value. Browsers send some dozens of bytes; what is longer is cut, not refused.
const (
	maxWanted = 256 // bytes
	maxTags   = 16
)

// Languages lists the languages built in, in alphabetical order of their tags.
func (s *Set) Languages() []string {
	names := make([]string, len(s.tongues))
	for i, t := range s.tongues {
		names[i] = t.name()
	}
	slices.Sort(names)
	return names
}

// Language returns the language in which a locale is shown: itself, the nearest one built in, or else English. It is the value
// for Content-Language.
func (s *Set) Language(locale string) string { return s.tongue(locale).name() }

func (s *Set) tongue(locale string) *tongue {
	for _, t := range s.tongues {
		if t.name() == locale {
			return t
		}
	}
	tags := tagsOf(locale)
	if len(tags) == 0 {
		return s.tongues[0]
	}
	if _, i, sure := s.matcher.Match(tags...); sure > language.No {
		return s.tongues[i]
	}
	return s.tongues[0]
}

// Match returns the best of the locales offered for what is wanted: BCP 47 tags or values of Accept-Language headers, in order
// of preference. It returns the first locale offered, spelled as it was, when nothing fits or nothing can be read, and
// the empty string when none is offered. Any input is safe.
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
	matcher := language.NewMatcher(tags)
	for _, w := range wanted {
		// One at a time: a distant match for the first value is worth more than an exact one for the second.
		if _, i, sure := matcher.Match(tagsOf(w)...); sure > language.No {
			return names[i]
		}
	}
	return offered[0]
}

// tagsOf reads a tag or an Accept-Language header, leaving out what cannot be read.
func tagsOf(wanted string) []language.Tag {
	if len(wanted) > maxWanted {
		wanted = wanted[:maxWanted]
		if i := strings.LastIndexByte(wanted, ','); i >= 0 {
			wanted = wanted[:i]
		}
	}
	if tags, _, err := language.ParseAcceptLanguage(wanted); err == nil { // sorted by weight
		return tags[:min(len(tags), maxTags)]
	}
	var good []string
	for entry := range strings.SplitSeq(wanted, ",") {
		if _, _, err := language.ParseAcceptLanguage(entry); err == nil {
			good = append(good, entry)
		}
	}
	tags, _, err := language.ParseAcceptLanguage(strings.Join(good, ","))
	if err != nil {
		return nil
	}
	return tags[:min(len(tags), maxTags)]
}

func sameBase(a, b language.Tag) bool {
	x, _ := a.Base()
	y, _ := b.Base()
	return x == y
}

// tagOrNone returns a tag in its canonical spelling, or nothing if it is none.
func tagOrNone(tag string) string {
	if tags := tagsOf(tag); len(tags) == 1 {
		return tags[0].String()
	}
	return ""
}
