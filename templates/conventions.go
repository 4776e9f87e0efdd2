package templates

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Conventions are what the CLDR, the Unicode Consortium's data on languages, says of each built-in language: names of
// months, how dates and lists are written, quotation marks, plural forms. They are messages like any other, by keys
// that a translation need not have; where it has one, that one counts. They are in conventions.json. To make it again,
// with Node.js and network:
//
//go:generate npm ci --prefix cldr --silent
//go:generate node cldr/generate.mjs

// conventions returns the conventions of each language by its tag, and of the version of the CLDR they are.
var conventions = sync.OnceValues(func() (byTag map[string]map[string]string, version string) {
	var all struct {
		CLDR      string
		Languages map[string]map[string]string
	}
	if err := json.Unmarshal(conventionsJSON, &all); err != nil {
		panic(fmt.Sprintf("templates: conventions.json: %v", err)) // embedded, and read by every test
	}
	return all.Languages, all.CLDR
})

// conventionKeys lists the keys of conventions that every language has, from the CLDR or in its own file.
func conventionKeys() []string {
	keys := []string{
		"language.dir", "plural.forms", "date.moment", "list.two", "list.start", "list.middle", "list.end",
		"quote.open", "quote.close",
	}
	for month := range 12 {
		keys = append(keys, monthKey(month))
	}
	return keys
}

// optionalKeys lists the keys that a language may do without: how the first day of a month is written if not as a
// number, the halves of the day where a clock has twelve hours, and the language with the same rules of the plural.
func optionalKeys() []string { return []string{"date.first", "date.am", "date.pm", "plural.rules"} }

// cityPrefix begins the key of a city's name, by its time zone. It is there only where it differs from the zone's.
const cityPrefix = "city."

func monthKey(month int) string { return fmt.Sprintf("date.month.%d", month+1) }

// isRightToLeft reports whether the language's script runs from right to left.
func (t *translation) isRightToLeft() bool { return t.other("language.dir") == "rtl" }

// quote puts a text into the quotation marks of the language.
func (t *translation) quote(text string) string {
	return t.other("quote.open") + text + t.other("quote.close")
}

// list writes texts as a list, as in "A, B and C".
func (t *translation) list(items ...string) string {
	join := func(key, first, second string) string {
		pattern := t.beforeWord(t.other(key), second)
		return strings.NewReplacer("{{.First}}", first, "{{.Second}}", second).Replace(pattern)
	}
	switch n := len(items); n {
	case 0:
		return ""
	case 1:
		return items[0]
	case 2:
		return join("list.two", items[0], items[1])
	default:
		rest := join("list.end", items[n-2], items[n-1])
		for i := n - 3; i > 0; i-- {
			rest = join("list.middle", items[i], rest)
		}
		return join("list.start", items[0], rest)
	}
}

// beforeWord changes the "and" of a list for the word after it, as the CLDR's users do where one pattern is not enough:
// Spanish has "e" before the sound i, and Hebrew joins its "and" to a word of another script by a hyphen.
func (t *translation) beforeWord(pattern, word string) string {
	base, _ := t.tag.Base()
	lower := strings.ToLower(word)
	switch base.String() {
	case "es":
		i := strings.HasPrefix(lower, "i") ||
			strings.HasPrefix(lower, "hi") && !strings.HasPrefix(lower, "hia") && !strings.HasPrefix(lower, "hie")
		if i {
			return strings.Replace(pattern, " y {{.Second}}", " e {{.Second}}", 1)
		}
	case "he":
		if r, size := utf8.DecodeRuneInString(word); size > 0 && !unicode.Is(unicode.Hebrew, r) {
			return strings.Replace(pattern, "ו{{.Second}}", "ו-{{.Second}}", 1)
		}
	}
	return pattern
}
