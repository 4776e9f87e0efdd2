package templates

import (
	"strings"

	"github.com/a-h/templ"
)

// languageOf returns the lang attribute of a purpose's words; none if they are in the page's language.
func languageOf(p Purpose) templ.Attributes { return inLanguage(p.Lang) }

func inLanguage(tag string) templ.Attributes {
	if tag = canonicalTag(tag); tag == "" {
		return nil
	}
	return templ.Attributes{"lang": tag}
}

// unbrokenAddress keeps a masked address on one line: a browser would break it after its ellipsis. U+2060 joins words
// and is invisible.
func unbrokenAddress(address string) string { return strings.ReplaceAll(address, "…@", "…\u2060@") }
