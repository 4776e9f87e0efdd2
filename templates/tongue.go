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
)

// fallback is the language of who asks for none that is built in.
const fallback = "en"

// tongue is one language: its messages and what templates may call.
type tongue struct {
	tag      language.Tag
	messages map[string]*i18n.Message
	words    *i18n.Localizer
	dates    func() (dates, error)
}

// readTongues reads all of locales/, English first.
func readTongues(files fs.FS) ([]*tongue, error) {
	paths, err := fs.Glob(files, "locales/*.json")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	bundle := i18n.NewBundle(language.English)
	var tongues []*tongue
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
		t := &tongue{tag: file.Tag, messages: map[string]*i18n.Message{}}
		for _, m := range file.Messages {
			t.messages[m.ID] = m
		}
		tongues = append(tongues, t)
	}
	for _, t := range tongues {
		t.words = i18n.NewLocalizer(bundle, t.name())
		t.dates = sync.OnceValues(t.readDates)
	}
	english := slices.IndexFunc(tongues, func(t *tongue) bool { return t.name() == fallback })
	if english < 0 {
		return nil, fmt.Errorf("templates: locales/%s.json is missing", fallback)
	}
	tongues[0], tongues[english] = tongues[english], tongues[0]
	return tongues, nil
}

func (t *tongue) name() string { return t.tag.String() }

// say returns a message, with values by name: say("sent.lead", "Site", "La Gazette"). Values are never read as templates.
func (t *tongue) say(key string, pairs ...any) (string, error) {
	data, err := named(key, pairs)
	if err != nil {
		return "", err
	}
	return t.words.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// count returns a message in the plural form for n; the message sees it as N.
func (t *tongue) count(key string, n int, pairs ...any) (string, error) {
	data, err := named(key, pairs)
	if err != nil {
		return "", err
	}
	data["N"] = n
	return t.words.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data, PluralCount: n})
}

func named(key string, pairs []any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("message %q: values must come as name and value", key)
	}
	data := make(map[string]any, len(pairs)/2+1)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("message %q: %v is no name", key, pairs[i])
		}
		data[name] = pairs[i+1]
	}
	return data, nil
}
