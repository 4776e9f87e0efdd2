package templates

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/optin/optin/internal/skeleton"
)

// fallback is the language shown to somebody who asks for none that is built in.
const fallback = "en"

// translation is one language: its messages, and the functions that templates may call for them.
type translation struct {
	tag       language.Tag
	messages  map[string]*i18n.Message
	localizer *i18n.Localizer
	dates     func() (skeleton.Dates, error)
}

// readTranslations reads all of locales/, English first.
func readTranslations(files fs.FS) ([]*translation, error) {
	paths, err := fs.Glob(files, "locales/*.json")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	bundle := i18n.NewBundle(language.English)
	var all []*translation
	for _, p := range paths {
		raw, err := fs.ReadFile(files, p)
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		if _, err := language.Parse(strings.TrimSuffix(path.Base(p), ".json")); err != nil {
			return nil, fmt.Errorf("templates: %s: the file's name must be a BCP 47 tag: %w", p, err)
		}
		file, err := bundle.ParseMessageFileBytes(raw, p)
		if err != nil {
			return nil, fmt.Errorf("templates: %s: %w", p, err)
		}
		t := &translation{tag: file.Tag, messages: map[string]*i18n.Message{}}
		for _, m := range file.Messages {
			t.messages[m.ID] = m
		}
		all = append(all, t)
	}
	for _, t := range all {
		t.localizer = i18n.NewLocalizer(bundle, t.name())
		t.dates = sync.OnceValues(t.readDates)
	}
	english := slices.IndexFunc(all, func(t *translation) bool { return t.name() == fallback })
	if english < 0 {
		return nil, fmt.Errorf("templates: locales/%s.json is missing", fallback)
	}
	all[0], all[english] = all[english], all[0]
	return all, nil
}

// name returns the BCP 47 tag.
func (t *translation) name() string { return t.tag.String() }

// text returns a message, with values by name: text("sent.lead", "Site", "La Gazette"). Values are never read as
// templates.
func (t *translation) text(key string, pairs ...any) (string, error) {
	data, err := messageData(key, pairs)
	if err != nil {
		return "", err
	}
	return t.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// plural returns a message in the plural form for n. The message sees n as N.
func (t *translation) plural(key string, n int, pairs ...any) (string, error) {
	data, err := messageData(key, pairs)
	if err != nil {
		return "", err
	}
	data["N"] = n
	return t.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data, PluralCount: n})
}

func messageData(key string, pairs []any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("message %q: values must come in pairs of name and value", key)
	}
	data := make(map[string]any, len(pairs)/2+1)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("message %q: %v is not a name", key, pairs[i])
		}
		data[name] = pairs[i+1]
	}
	return data, nil
}
