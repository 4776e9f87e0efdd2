package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"strings"
)

// prose is a text of the document: paragraphs parted by an empty line, with `code` in backticks.
func prose(text string) template.HTML {
	var b strings.Builder
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if p == "" {
			continue
		}
		b.WriteString("<p>")
		for i, part := range strings.Split(p, "`") {
			if part = template.HTMLEscapeString(part); i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			b.WriteString(part)
		}
		b.WriteString("</p>\n")
	}
	return template.HTML(b.String()) // #nosec G203 -- every part of it was escaped above, and it is our own document
}

// link is the schema that a schema leads to by its name; empty if there is none.
func link(s *schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return path.Base(s.Ref)
	}
	return link(s.Items)
}

// kind says in words what a schema takes.
func kind(s *schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		return path.Base(s.Ref)
	case s.Const != nil:
		return fmt.Sprintf("%q", s.Const)
	case len(s.Enum) > 0:
		return strings.Join(each(s.Enum, func(x any) string { return fmt.Sprintf("%q", x) }), ", ")
	case len(s.OneOf) > 0:
		return strings.Join(each(s.OneOf, kind), " or ")
	case s.Items != nil:
		return "list of " + kind(s.Items)
	}
	if several, ok := s.Type.([]any); ok {
		return strings.Join(each(several, func(x any) string { return fmt.Sprint(x) }), " or ")
	}
	if s.Format != "" {
		return s.Format
	}
	return fmt.Sprint(s.Type)
}

func each[T any](all []T, word func(T) string) (words []string) {
	for _, x := range all {
		words = append(words, word(x))
	}
	return words
}

// indent is a JSON value to be read.
func indent(raw json.RawMessage) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, raw, "", "  ")
	return b.String(), err
}
