package config

import (
	"strings"
	"unicode/utf8"
)

// ${NAME} is marked before the text is read as YAML, because in a flow collection its brace would end the collection:
// {password: ${X}} is not YAML. The marks are noncharacters, which Unicode keeps for uses such as this one; a file that
// holds one already is refused. A mark takes the place of characters on one line, so lines stay what they are.
const (
	markVariable = '\uFDD0' // ${ before a name
	markBrace    = '\uFDD1' // } after a name
	markDollar   = '\uFDD2' // $${, which stands for ${
	markClose    = '\uFDD3' // } that belongs to a $${
)

// isMark tells whether r is kept for marks.
func isMark(r rune) bool { return r >= markVariable && r <= markClose }

// mark puts marks in the place of ${NAME} and $${NAME}.
func mark(text string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		opening, closing := markVariable, markBrace
		before := text[:i]
		if strings.HasSuffix(before, "$") {
			opening, closing, before = markDollar, markClose, before[:i-1]
		}
		b.WriteString(before)
		text = text[i+len("${"):]
		n := strings.IndexFunc(text, func(r rune) bool { return !inName(r) })
		switch {
		case n >= 0 && text[n] == '}':
			b.WriteRune(opening)
			b.WriteString(text[:n])
			b.WriteRune(closing)
			text = text[n+1:]
		case opening == markDollar:
			b.WriteRune(opening)
		default:
			b.WriteString("${") // no name: told when the value is read
		}
	}
}

// inName tells whether r may stand between the braces; the shell's ${NAME:-default} is let in here to be refused with its line.
func inName(r rune) bool {
	return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(":-+=?./", r)
}

// expand returns a value with its variables put in. problem is empty, or says what is wrong without showing a value.
func expand(text string, env func(string) (string, bool)) (result, problem string) {
	var b strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == markVariable:
			name, rest, found := strings.Cut(text[n:], string(markBrace))
			if !found || !isVariable(name) {
				return "", "has ${…} without a variable's name: write ${NAME} with letters, digits and _ only, and $${ for a literal ${"
			}
			got, set := "", false
			if env != nil {
				got, set = env(name)
			}
			if !set {
				return "", "uses ${" + name + "}, which is not set in the environment: set it, or write $${ for a literal ${"
			}
			b.WriteString(got)
			text = rest
			continue
		case r == markDollar:
			b.WriteString("${")
		case r == markClose:
			b.WriteByte('}')
		case strings.HasPrefix(text, "${"):
			return "", "has ${ without a variable's name: write ${NAME}, and $${ for a literal ${"
		default:
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String(), ""
}

// isVariable tells whether name is that of an environment variable (POSIX 8.1, and lower case).
func isVariable(name string) bool {
	return name != "" && !('0' <= name[0] && name[0] <= '9') && !strings.ContainsAny(name, ":-+=?./")
}
