package templates

// embedKeys lists the messages of a form on a website's own page, by the names that its script has for them.
func embedKeys() map[string]string {
	return map[string]string{
		"accepted": "embed.accepted", "broken": "embed.broken", "busy": "embed.busy", "refused": "embed.refused",
		"required": "embed.required", "sending": "embed.sending", "working": "embed.working",
		"email": "signup.email", "button": "signup.button", "next": "signup.next",
		"legend_one": "signup.legend_one", "legend_many": "signup.legend_many",
		"simply": "purpose.simply", "in_full": "statement.link", "withdrawal": "withdrawal.sentence",
	}
}

// EmbedWords returns what a form on a website's own page says, in the language nearest to locale: by the names of
// embedKeys, and by the refusal codes.
func (s *Set) EmbedWords(locale string) map[string]string {
	t, words := s.translation(locale), map[string]string{}
	for name, key := range embedKeys() {
		words[name] = t.text(key)
	}
	for _, code := range Codes() {
		words[code] = t.reason(code)
	}
	return words
}

// Direction returns how the language nearest to locale is written: ltr or rtl.
func (s *Set) Direction(locale string) string { return s.translation(locale).other("language.dir") }
