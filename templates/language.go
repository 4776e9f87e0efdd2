package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// fallback is the language shown to somebody who asks for none that is built in.
const fallback = "en"

// translation is one language: its messages, and what pages and emails may do with them.
type translation struct {
	tag      language.Tag
	file     string // as errors name it
	messages map[string]message
	byZone   sync.Map // of dates
}

// readTranslation reads a file of locales/, or one like it. The file's name is the language's tag.
func readTranslation(file string, content []byte) (*translation, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(file), ".json"))
	if err != nil {
		return nil, fmt.Errorf("%s: the file's name must be a BCP 47 tag such as de.json: %w", file, err)
	}
	var raw map[string]any
	if err := json.Unmarshal(content, &raw); err != nil {
		return nil, fmt.Errorf("%s: is not a JSON object of messages: %w", file, err)
	}
	t := &translation{tag: tag, file: file, messages: map[string]message{}}
	byTag, _ := conventions()
	base, _ := tag.Base()
	for key, text := range byTag[base.String()] {
		t.messages[key] = message{other: text}
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if t.messages[key], err = readMessage(key, raw[key]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return t, nil
}

// message is a text, or one for each plural form.
type message struct {
	other string
	forms map[string]string // by plural form; nil: the text is the only one
	own   bool              // it is of the file, and not by convention
}

// byForm returns the texts by their plural forms.
func (m message) byForm() map[string]string {
	if m.forms != nil {
		return m.forms
	}
	return map[string]string{"other": m.other}
}

// readMessage reads one message of a file: a text, or a text for each plural form.
func readMessage(key string, value any) (message, error) {
	switch value := value.(type) {
	case string:
		return message{other: value, own: true}, nil
	case map[string]any:
		forms := map[string]string{}
		for form, text := range value {
			s, ok := text.(string)
			if !ok || !slices.Contains(formNames(), form) {
				return message{}, fmt.Errorf("%q: %q is no plural form with a text; there are %s", key, form,
					strings.Join(formNames(), ", "))
			}
			forms[form] = s
		}
		return message{other: forms["other"], forms: forms, own: true}, nil
	}
	return message{}, fmt.Errorf("%q: must be a text, or an object with a text for each plural form", key)
}

// formNames lists the plural forms of the CLDR in its order.
func formNames() []string { return []string{"zero", "one", "two", "few", "many", "other"} }

// form returns the plural form of the language for n. Where no rules are known, it is "other".
func (t *translation) form(n int) string {
	tag := t.tag
	if rules := t.other("plural.rules"); rules != "" {
		tag = language.Make(rules)
	}
	switch plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		if base, _ := tag.Base(); n%100 == 2 && base.String() == "mt" {
			return maltese(n)
		}
		return "few"
	case plural.Many:
		return "many"
	}
	return "other"
}

// maltese returns the form for 2, 102, … since CLDR 38. That of the library is older.
func maltese(n int) string {
	if n == 2 {
		return "two"
	}
	return "other"
}

// name returns the BCP 47 tag.
func (t *translation) name() string { return t.tag.String() }

// other returns a message as it stands in its file, in its only form or the one called other.
func (t *translation) other(key string) string { return t.messages[key].other }

// text returns a message, with values by name: text("sent.lead", "Site", "La Gazette"). Values are never read for names
// of values.
func (t *translation) text(key string, pairs ...string) string { return t.fill(t.other(key), pairs) }

// plural returns a message in the plural form for n. The message sees n as N.
func (t *translation) plural(key string, n int) string {
	m := t.messages[key]
	text, ok := m.forms[t.form(n)]
	if !ok {
		text = m.other // the rules may know a form that the language no longer has
	}
	return strings.ReplaceAll(text, "{{.N}}", fmt.Sprint(n))
}

// Marks that keep a text apart from the direction of what is around it (UAX 9).
const (
	isolate    = "\u2068"
	endIsolate = "\u2069"
)

// fill puts values into a text at their names. In a text from right to left each value is isolated: otherwise the dots
// and brackets around an address or a name would jump to its other end.
func (t *translation) fill(text string, pairs []string) string {
	if len(pairs) == 0 {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{.")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		var name string
		name, text, _ = strings.Cut(rest, "}}")
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				b.WriteString(t.isolated(pairs[i+1]))
			}
		}
	}
}

func (t *translation) isolated(value string) string {
	if t.isRightToLeft() {
		return isolate + value + endIsolate
	}
	return value
}
