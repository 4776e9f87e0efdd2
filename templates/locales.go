package templates

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
)

// Languages that are built in: the 24 of the European Union, and seven of its neighbours.
func builtIn() []string {
	return []string{
		"ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "he", "hr", "hu", "is", "it",
		"lt", "lv", "mt", "nb", "nl", "pl", "pt", "ro", "sk", "sl", "sv", "tr", "uk",
	}
}

// embeddedTranslations reads the embedded files of locales/, once. They are only read after that.
var embeddedTranslations = sync.OnceValues(func() ([]*translation, error) {
	files, err := embeddedLocales()
	if err != nil {
		return nil, err
	}
	return readTranslations(files)
})

// readTranslations reads files of locales/ by their names, English first.
func readTranslations(files map[string][]byte) ([]*translation, error) {
	var all []*translation
	for name, content := range files {
		t, err := readTranslation("locales/"+name, content)
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *translation) int {
		switch {
		case a.name() == fallback:
			return -1
		case b.name() == fallback:
			return 1
		case a.name() < b.name():
			return -1
		}
		return 1
	})
	if len(all) == 0 || all[0].name() != fallback {
		return nil, fmt.Errorf("templates: locales/%s.json is missing", fallback)
	}
	return all, nil
}

// localesIn reads the files of a folder locales.
func localesIn(files fs.FS) (map[string][]byte, error) {
	paths, err := fs.Glob(files, "locales/*.json")
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, p := range paths {
		if all[path.Base(p)], err = fs.ReadFile(files, p); err != nil {
			return nil, err
		}
	}
	return all, nil
}
