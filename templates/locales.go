package templates

import (
	"errors"
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
	files, err := localesIn(localeFiles)
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

// OwnLocale is a site's own translation, a file like those of locales/. Its name is the language's tag.
type OwnLocale struct {
	Site    string // its id
	File    string // as errors name it
	Content []byte
}

// With returns a set whose sites have translations of their own, beside those that are built in or in place of them.
// Its error names each file, key and reason.
func (s *Set) With(all ...OwnLocale) (*Set, error) {
	if len(all) == 0 {
		return s, nil
	}
	more := s.derived()
	more.own = map[string]*Set{}
	var errs []error
	for _, l := range all {
		t, err := readTranslation(l.File, l.Content)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if wrong := s.problems(t); len(wrong) > 0 {
			errs = append(errs, wrong...)
			continue
		}
		if more.own[l.Site] == nil {
			more.own[l.Site] = s.derived()
		}
		more.own[l.Site].add(t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return more, nil
}

// Of returns the set as a site has it: with its own translations, if there are some.
func (s *Set) Of(site string) *Set {
	if own := s.own[site]; own != nil {
		return own
	}
	return s
}

// derived returns a set of the same languages.
func (s *Set) derived() *Set {
	more := &Set{}
	for _, t := range s.translations {
		more.add(t)
	}
	return more
}

// Unreviewed lists those of a site's locales with a translation that nobody vouches for.
func (s *Set) Unreviewed(site string, locales []string) []string {
	var some []string
	for _, l := range locales {
		if !s.Of(site).translation(l).isReviewed() {
			some = append(some, l)
		}
	}
	return some
}
