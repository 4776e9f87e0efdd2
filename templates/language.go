package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// fallback is the language shown to somebody who asks for none that is built in.
const fallback = "en"

// translation is one language: its messages, and the functions that templates may call for them.
type translation struct {
	tag       language.Tag
	file      string // as errors name it
	messages  map[string]message
	localizer func() (*i18n.Localizer, error)
	byZone    sync.Map // of dates
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
	t.localizer = sync.OnceValues(t.makeLocalizer)
	return t, nil
}

// message is a text, or one for each plural form. There are thousands, so it is smaller than the i18n package's.
type message struct {
	other string
	forms *i18n.Message // nil: the text is the only one
	own   bool          // it is of the file, and not by convention
}

// full returns the message as the i18n package has it.
func (m message) full(key string) *i18n.Message {
	if m.forms != nil {
		return m.forms
	}
	return &i18n.Message{ID: key, Other: m.other}
}

// readMessage reads one message of a file: a text, or a text for each plural form.
func readMessage(key string, value any) (message, error) {
	switch value := value.(type) {
	case string:
		return message{other: value, own: true}, nil
	case map[string]any:
		m := &i18n.Message{ID: key}
		for form, text := range value {
			at, known := pluralForms(m)[form]
			s, ok := text.(string)
			if !known || !ok {
				return message{}, fmt.Errorf("%q: %q is no plural form with a text; there are %s", key, form,
					strings.Join(formNames(), ", "))
			}
			*at = s
		}
		return message{other: m.Other, forms: m, own: true}, nil
	}
	return message{}, fmt.Errorf("%q: must be a text, or an object with a text for each plural form", key)
}

// formNames lists the plural forms of the CLDR in its order.
func formNames() []string { return []string{"zero", "one", "two", "few", "many", "other"} }

// pluralForms returns the texts of a message by the names of their forms.
func pluralForms(m *i18n.Message) map[string]*string {
	return map[string]*string{
		"zero": &m.Zero, "one": &m.One, "two": &m.Two, "few": &m.Few, "many": &m.Many, "other": &m.Other,
	}
}

// makeLocalizer makes the localizer of this language alone, so that no message can ever come from another.
func (t *translation) makeLocalizer() (*i18n.Localizer, error) {
	var all []*i18n.Message
	for key, m := range t.messages {
		all = append(all, m.full(key))
	}
	tags := []language.Tag{t.tag, language.Japanese} // where no rules are known, each number has the form "other"
	if rules := t.other("plural.rules"); rules != "" {
		tags = slices.Insert(tags, 0, language.Make(rules))
	}
	var err error
	for _, tag := range tags {
		bundle := i18n.NewBundle(tag)
		if err = bundle.AddMessages(tag, all...); err == nil {
			return i18n.NewLocalizer(bundle, tag.String()), nil
		}
	}
	return nil, err
}

// name returns the BCP 47 tag.
func (t *translation) name() string { return t.tag.String() }

// other returns a message as it stands in its file, in its only form or the one called other.
func (t *translation) other(key string) string { return t.messages[key].other }

// text returns a message, with values by name: text("sent.lead", "Site", "La Gazette"). Values are never read as
// templates.
func (t *translation) text(key string, pairs ...any) (string, error) {
	data, err := t.messageData(key, pairs)
	if err != nil {
		return "", err
	}
	return t.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// plural returns a message in the plural form for n. The message sees n as N.
func (t *translation) plural(key string, n int) (string, error) {
	return t.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: map[string]any{"N": n}, PluralCount: n})
}

func (t *translation) localize(config *i18n.LocalizeConfig) (string, error) {
	l, err := t.localizer()
	if err != nil {
		return "", err
	}
	return l.Localize(config)
}

// Marks that keep a text apart from the direction of what is around it (UAX 9).
const (
	isolate    = "\u2068"
	endIsolate = "\u2069"
)

// messageData returns the values of a message by their names. In a text from right to left each value is isolated:
// otherwise the dots and brackets around an address or a name would jump to its other end.
func (t *translation) messageData(key string, pairs []any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("message %q: values must come in pairs of name and value", key)
	}
	data := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("message %q: %v is not a name", key, pairs[i])
		}
		if text, ok := pairs[i+1].(string); ok && t.isRightToLeft() {
			data[name] = isolate + text + endIsolate
		} else {
			data[name] = pairs[i+1]
		}
	}
	return data, nil
}
