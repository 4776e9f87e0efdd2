package templates

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// maxAcceptLanguage is how much is read of an Accept-Language header, in bytes. Browsers send some dozens. The rest is
// ignored.
const maxAcceptLanguage = 256

// languages holds the translations that there are, and finds the one that is wanted.
type languages struct {
	translations []*translation // English first
	names        []string       // of the translations, in their order
	matches      matches
}

// add adds a translation, or replaces that of the same language.
func (l *languages) add(t *translation) {
	if i := slices.Index(l.names, t.name()); i >= 0 {
		l.translations[i] = t
		return
	}
	l.translations, l.names = append(l.translations, t), append(l.names, t.name())
}

// Languages returns the languages built in, in alphabetical order of their tags.
func (l *languages) Languages() []string {
	names := make([]string, len(l.translations))
	for i, t := range l.translations {
		names[i] = t.name()
	}
	slices.Sort(names)
	return names
}

// Language returns the language in which a locale is shown: the locale itself, the nearest one built in, or else
// English. It is the value for Content-Language.
func (l *languages) Language(locale string) string { return l.translation(locale).name() }

func (l *languages) translation(locale string) *translation {
	for _, t := range l.translations {
		if t.name() == locale {
			return t
		}
	}
	name := l.matches.match(l.names, locale) // without a match the first: English
	i := slices.Index(l.names, name)
	return l.translations[i]
}

// Match returns the best of the locales offered for what is wanted: BCP 47 tags or values of Accept-Language headers,
// in order of preference. Even a distant match for one value is better than an exact one for the next. When nothing
// fits, Match returns the first locale offered that is a tag at all, or else the first; when none is offered, the empty
// string. The result is spelled as it was offered. Any input is safe.
func (l *languages) Match(offered []string, wanted ...string) string {
	if len(offered) == 0 {
		return ""
	}
	return l.matches.match(offered, wanted...)
}

// Nearest is Match among all languages that are built in. When nothing fits, it returns English.
func (l *languages) Nearest(wanted ...string) string { return l.matches.match(l.names, wanted...) }

// What is remembered of matches. Sites offer few sets of locales, and browsers send few headers; a client that sends
// others must not fill the memory.
const (
	maxMatchers = 256
	maxMatches  = 2048
	maxMatchKey = 512 // of what is offered and wanted, in bytes
)

// matches makes a matcher once for what is offered, since that is most of the work, and remembers what it found. Its
// zero value is ready, and it is safe for concurrent use.
type matches struct {
	mu       sync.RWMutex
	matchers map[string]*matcher // by what is offered
	found    map[string]string   // by what is offered and wanted
}

// matcher matches what was offered.
type matcher struct {
	language.Matcher
	names []string // as they were offered, without those that are no tags
}

func (m *matches) match(offered []string, wanted ...string) string {
	var buffer [maxMatchKey]byte // on the stack
	key := appendNames(buffer[:0], offered)
	offer := len(key)
	key = appendNames(append(key, 0), wanted)
	m.mu.RLock()
	name, known := m.found[string(key)]
	by := m.matchers[string(key[:offer])]
	m.mu.RUnlock()
	if known {
		return name
	}
	if by == nil {
		by = newMatcher(offered)
	}
	name = by.best(offered, wanted)
	if len(key) <= maxMatchKey {
		m.remember(string(key[:offer]), by, string(key), name)
	}
	return name
}

func (m *matches) remember(offer string, by *matcher, key, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.matchers == nil || len(m.matchers) >= maxMatchers {
		m.matchers = map[string]*matcher{}
	}
	if m.found == nil || len(m.found) >= maxMatches {
		m.found = map[string]string{}
	}
	m.matchers[offer], m.found[key] = by, name
}

// appendNames appends texts so that different ones append different bytes.
func appendNames(b []byte, names []string) []byte {
	for _, n := range names {
		b = append(binary.AppendUvarint(b, uint64(len(n))+1), n...)
	}
	return b
}

func newMatcher(offered []string) *matcher {
	m := &matcher{}
	var tags []language.Tag
	for _, o := range offered {
		if tag, err := language.Parse(o); err == nil {
			tags, m.names = append(tags, tag), append(m.names, o)
		}
	}
	if len(tags) > 0 {
		m.Matcher = language.NewMatcher(tags)
	}
	return m
}

func (m *matcher) best(offered, wanted []string) string {
	if m.Matcher == nil {
		return offered[0]
	}
	headers := make([]string, len(wanted))
	for i, w := range wanted {
		headers[i] = readable(w)
	}
	_, i := language.MatchStrings(m, headers...)
	return m.names[i]
}

// readable returns an Accept-Language header with what can be read of each entry: because of one that cannot, the
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
		if front := readableFront(entry); front != "" {
			good = append(good, front)
		}
	}
	return strings.Join(good, ",")
}

// readableFront returns the longest front of an entry that is a tag, with its weight; empty if none is. Operating
// systems and content systems name locales with more behind: a charset, a modifier, a variant of their own
// (fr_FR.UTF-8, fr_FR@euro, de_DE_formal).
func readableFront(entry string) string {
	tag, weight, weighted := strings.Cut(entry, ";")
	if weighted {
		weight = ";" + weight
	}
	if i := strings.IndexAny(tag, ".@:"); i >= 0 {
		tag = tag[:i]
	}
	for tag != "" {
		if _, _, err := language.ParseAcceptLanguage(tag + weight); err == nil {
			return tag + weight
		}
		tag = tag[:max(strings.LastIndexAny(tag, "-_"), 0)]
	}
	return ""
}

// Endonym returns the name of a locale's language in that language; a language that is not built in keeps its tag.
func (l *languages) Endonym(locale string) string {
	t := l.translation(locale)
	shown, _ := t.tag.Base()
	if tag, err := language.Parse(locale); err == nil {
		if wanted, _ := tag.Base(); wanted == shown {
			return t.text("language.name")
		}
	}
	return locale
}

// canonicalTag returns a BCP 47 tag in its canonical spelling, or nothing if it is none.
func canonicalTag(tag string) string {
	t, err := language.Parse(tag)
	if err != nil {
		return ""
	}
	return t.String()
}
