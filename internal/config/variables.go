package config

import (
	"strings"
	"unicode/utf8"
)

// ${NAME} is marked before the text is read as YAML, because in a flow collection its brace would end the collection:
// {password: ${X}} is not YAML. The marks are noncharacters, which Unicode reserves for uses such as this one; a file that
// already contains one is refused. A mark replaces characters of one line, so line numbers do not change.
const (
	markVariable = '\uFDD0' // ${ before a name
	markBrace    = '\uFDD1' // } after a name
	markDollar   = '\uFDD2' // $${, which is a literal ${
	markClose    = '\uFDD3' // } that belongs to a $${
)

// isMark reports whether r is one of the marks.
func isMark(r rune) bool { return r >= markVariable && r <= markClose }

// mark replaces ${NAME} and $${NAME} by marks.
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
			b.WriteString("${") // no name; expand notes the problem
		}
	}
}

// inName reports whether r may stand between the braces. The characters of the shell's ${NAME:-default} are included, so that
// it is refused with its line.
func inName(r rune) bool {
	return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(":-+=?./", r)
}

// expand returns a value with its variables replaced. problem is empty, or says what is wrong without showing a value.
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

// isVariable reports whether name is the name of an environment variable (POSIX 8.1, and lower case).
func isVariable(name string) bool {
	return name != "" && !('0' <= name[0] && name[0] <= '9') && !strings.ContainsAny(name, ":-+=?./")
}
