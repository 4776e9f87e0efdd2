package templates

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/internal/skeleton"
)

// problems returns an error for all that is wrong with a translation, each with its file and key: messages and plural
// forms that it lacks or has too many, values other than in English, markup, links and addresses of its own.
func (s *Set) problems(t *translation) []error {
	var errs []error
	wrong := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %q %s", t.file, key, fmt.Sprintf(format, args...)))
	}
	english := s.translations[0]
	known := map[string]bool{}
	for _, key := range s.keys() {
		known[key] = true
		m, there := t.messages[key]
		if !there {
			wrong(key, "is missing; in English it is %q", english.other(key))
			continue
		}
		forms := []string{"other"}
		if slices.Contains(pluralKeys(), key) {
			forms = t.forms()
		}
		for _, form := range formNames() {
			switch text := m.byForm()[form]; {
			case text == "" && slices.Contains(forms, form):
				wrong(key, "has no text in the plural form %q", form)
			case text != "" && !slices.Contains(forms, form):
				wrong(key, "has the plural form %q, which it does not need", form)
			case text == "":
			default:
				like := english.other(key)
				if (form == "zero" || form == "one" || form == "two") && !strings.Contains(text, "{{") {
					like = "" // a word for that number, as in Arabic
				}
				if why := wrongText(key, text, like); why != "" {
					wrong(key, "%s", why)
				}
			}
		}
	}
	for key, m := range t.messages {
		if m.own && !known[key] && !isConvention(key) {
			wrong(key, "is not a message of optin; its name may be misspelled")
		}
	}
	if t.isReviewed() == (t.other(reviewerKey) == "") {
		wrong(stateKey, "must be reviewed, with %s, or unreviewed", reviewerKey)
	}
	if dir := t.other("language.dir"); dir != "" && dir != "ltr" && dir != "rtl" {
		wrong("language.dir", "must be ltr or rtl")
	}
	checkDates(t, wrong)
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return errs
}

// keys lists the messages that every translation must have, sorted: those of the English one.
func (s *Set) keys() []string {
	var all []string
	for key := range s.translations[0].messages {
		if !slices.Contains(optionalKeys(), key) && key != reviewerKey && !strings.HasPrefix(key, cityPrefix) {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// checkDates says what is wrong with how moments are written: a part that is missing, or the name of a city that cannot
// stand in an email.
func checkDates(t *translation, wrong func(key, format string, args ...any)) {
	d, err := t.dates(nil)
	if err != nil {
		wrong("date.moment", "cannot be used: %v", err)
		return
	}
	for _, part := range []struct{ name, anyOf string }{
		{"Day", skeleton.Day}, {"Month", skeleton.Month}, {"Year", skeleton.Year}, {"Minute", skeleton.Minute},
		{"Hour", skeleton.Hour + skeleton.HourShort + skeleton.Hour12},
	} {
		if !strings.ContainsAny(d.Pattern, part.anyOf) {
			wrong("date.moment", "must have the value {{.%s}}", part.name)
		}
	}
	for key, m := range t.messages {
		if strings.HasPrefix(key, cityPrefix) {
			if d.Pattern = m.other; d.Check() != nil {
				wrong(key, "may have no signs but %s", skeleton.MomentPunctuation)
			}
		}
	}
}

// forms lists the plural forms of the language.
func (t *translation) forms() []string { return strings.Fields(t.other("plural.forms")) }

// Keys of a file about itself: "reviewed" if somebody who knows the language and the law's words has read it, and who.
const (
	stateKey    = "language.state"
	reviewerKey = "language.reviewer"
)

// isReviewed reports whether somebody vouches for the translation.
func (t *translation) isReviewed() bool { return t.other(stateKey) == "reviewed" }

// wrongText returns what is wrong with a text of a translation; empty if nothing is.
func wrongText(key, text, english string) string {
	if text != strings.TrimSpace(text) && key != "email.colon" && !strings.HasPrefix(key, "list.") &&
		!strings.HasPrefix(key, "quote.") {
		return "begins or ends with a space"
	}
	if english, own := placeholders(english), placeholders(text); !isConvention(key) && !slices.Equal(english, own) {
		return fmt.Sprintf("must have the same values as in English: %s, not %s", listed(english), listed(own))
	}
	rest := text
	if strings.Contains(text, "{{") {
		rest = placeholder.ReplaceAllString(text, "")
	}
	switch at := strings.IndexFunc(rest, func(r rune) bool {
		return strings.ContainsRune("<>&{}\\\"`", r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}); {
	case at >= 0:
		r, _ := utf8.DecodeRuneInString(rest[at:])
		return fmt.Sprintf("may not have the character %q", r)
	case !utf8.ValidString(text):
		return "is not UTF-8"
	}
	if !mayHaveLink(rest) {
		return ""
	}
	if link := linkOfItsOwn.FindString(exampleAddress.ReplaceAllString(rest, "")); link != "" {
		return fmt.Sprintf("may not have a link or an address of its own, such as %q", link)
	}
	return ""
}

// mayHaveLink reports whether linkOfItsOwn is to be looked for: some thousand texts are checked at each start, and
// nearly all have nothing that could be one.
func mayHaveLink(text string) bool {
	if strings.ContainsAny(text, "@:") {
		return true
	}
	for at := 0; ; at++ {
		next := strings.IndexByte(text[at:], '.')
		if next < 0 {
			return false
		}
		if at += next; at+1 < len(text) && text[at+1] != ' ' {
			return true
		}
	}
}

// isConvention reports whether a message says how the language is written, with values that may be in any order and
// number.
func isConvention(key string) bool {
	return conventional()[key] || key == stateKey || key == reviewerKey || strings.HasPrefix(key, cityPrefix)
}

var conventional = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, key := range slices.Concat(conventionKeys(), optionalKeys()) {
		all[key] = true
	}
	return all
})

var (
	// An address that is nobody's may be shown (RFC 2606).
	exampleAddress = regexp.MustCompile(`\S+@example\.org`)

	placeholder  = regexp.MustCompile(`\{\{\.[A-Za-z0-9]+\}\}`)
	linkOfItsOwn = regexp.MustCompile(`(?i)https?:|www\.|mailto:|[^\s@]@[^\s@]|[a-z0-9]\.(com|org|net|eu|io)\b`)
)

// placeholders returns the values of a text, each once, sorted.
func placeholders(text string) []string {
	if !strings.Contains(text, "{{") {
		return nil
	}
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func listed(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}

// pluralKeys lists the messages with a plural.
func pluralKeys() []string {
	return []string{"duration.day", "duration.hour", "duration.minute", "duration.second"}
}
