package statement

import (
	"strings"
	"unicode"
)

// MentionsTerms reports whether the words beside a box speak of terms and conditions. Consent is asked for apart from
// them (GDPR article 7(2)): who agrees to both with one box has agreed to neither. It knows the words of English,
// French and German.
func MentionsTerms(text string) bool {
	return mentions(text,
		"terms", "t&c", "t&cs", "cgv", "cgu", "conditions générales", "conditions d'utilisation", "conditions de vente",
		"conditions of use", "conditions of sale", "agb", "nutzungsbedingungen", "geschäftsbedingungen",
		"nutzungsbestimmungen")
}

// MentionsPartners reports whether the words beside a box speak of partners or third parties. A person has to be told
// who they are, or the consent is not informed (EDPB guidelines 05/2020, paragraph 65). It knows the words of English,
// French and German.
func MentionsPartners(text string) bool {
	return mentions(text,
		"partners", "third parties", "affiliates", "partenaires", "des tiers",
		"sociétés tierces", "unsere partner", "unserer partner", "unseren partnern", "partnerunternehmen", "an dritte",
		"durch dritte")
}

// mentions reports whether one of the words stands in a text, whatever its case, as whole words.
func mentions(text string, words ...string) bool {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '&' || r == '\'' }
	spaced := func(s string) string {
		s = strings.ReplaceAll(strings.ToLower(s), "’", "'")
		return " " + strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !inWord(r) }), " ") + " "
	}
	in := spaced(text)
	for _, w := range words {
		if strings.Contains(in, spaced(w)) {
			return true
		}
	}
	return false
}
