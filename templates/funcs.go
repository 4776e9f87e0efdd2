package templates

import (
	"strconv"
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

// numbered returns the id of one element of many.
func numbered(name string, i int) string { return name + "-" + strconv.Itoa(i) }

// describedBy returns the attribute of a field that has the error; none if it has none.
func describedBy(id, code string) templ.Attributes {
	if code == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": id}
}
