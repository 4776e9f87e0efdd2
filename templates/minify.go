package templates

import (
	"bytes"
	"strings"
)

// minify returns a script without its indentation, its lines of comments, and the spaces and line ends that mean nothing: every page of a
// website loads it. It does not parse JavaScript, so a script has to be written for it: no comment behind code, no empty statement, no
// text of several lines, no backtick within a template's braces, no quote or space in a regular expression.
func minify(script []byte) []byte {
	var b bytes.Buffer
	mayEnd := false // the end of the line before may end a statement
	for line := range strings.Lines(string(script)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		line = dropSpaces(line)
		switch {
		case line[0] == '}' && bytes.HasSuffix(b.Bytes(), []byte(";")):
			b.Truncate(b.Len() - 1)
		case line[0] != '}' && mayEnd:
			b.WriteByte('\n')
		}
		b.WriteString(line)
		mayEnd = !strings.ContainsAny(line[len(line)-1:], "{([,;")
	}
	return append(b.Bytes(), '\n')
}

// dropSpaces drops the spaces of a line that touch punctuation, outside string literals.
func dropSpaces(line string) string {
	var b strings.Builder
	quote, last := byte(0), byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == '\\' && i+1 < len(line):
			b.WriteByte(c)
			i++
			c = line[i]
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '`' || c == '\''):
			quote = c
		case quote == 0 && c == ' ' && isNeedlessSpace(last, line[i+1]):
			continue
		}
		b.WriteByte(c)
		last = c
	}
	return b.String()
}

// isNeedlessSpace reports whether nothing changes without the space between two characters. "+ +x" is not "++x".
func isNeedlessSpace(before, after byte) bool {
	const signs, marks = "+-", "{}()[]<>;,:?=&|!^%*\"`"
	sign := func(c byte) bool { return strings.IndexByte(signs, c) >= 0 }
	mark := func(c byte) bool { return strings.IndexByte(marks, c) >= 0 || sign(c) }
	return (mark(before) || mark(after)) && !(sign(before) && sign(after))
}
