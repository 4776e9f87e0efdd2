package templates

import "strings"

// embedKeys lists the messages of a form on a website's own page, besides those of the hosted form.
func embedKeys() []string {
	return []string{
		"embed.accepted", "embed.broken", "embed.busy", "embed.refused", "embed.required", "embed.sending",
		"embed.working",
	}
}

// EmbedWords returns what a form on a website's own page says, in the language nearest to locale: by embed.* without
// that beginning, and by the refusal codes.
func (s *Set) EmbedWords(locale string) (map[string]string, error) {
	t, words := s.translation(locale), map[string]string{}
	for _, key := range embedKeys() {
		text, err := t.text(key)
		if err != nil {
			return nil, err
		}
		words[strings.TrimPrefix(key, "embed.")] = text
	}
	for _, code := range Codes() {
		text, err := t.reason(code)
		if err != nil {
			return nil, err
		}
		words[code] = text
	}
	return words, nil
}
