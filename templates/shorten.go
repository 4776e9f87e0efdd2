package templates

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strconv"
)

// scriptToken matches a part of a minified script: a text, a template, a regular expression with the sign in front of
// it, a name, or a single sign.
var scriptToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `|` +
	`[(,=:?!&|]/(?:[^/\\\[]|\\.|\[[^\]]*\])+/|[A-Za-z_$][\w$]*|=>|[\s\S]`)

// inTemplate matches the code within a template.
var inTemplate = regexp.MustCompile(`\$\{[^}]*\}`)

// declared matches the declaration of a name.
var declared = regexp.MustCompile(`\b(?:const|let|function) ([A-Za-z]\w{2,})`)

// shorten gives each name that a minified script declares by const, let or function a short one, everywhere in the
// script. It knows no scopes, so a script has to be written for it: no such name is that of a global which the script
// uses, or of a method; and there is no brace in the code within a template.
func shorten(script []byte) []byte {
	return withNames(shortNames(script), script)
}

// withNames returns a script with other names for some of its variables.
func withNames(short map[string]string, script []byte) []byte {
	tokens := scriptToken.FindAll(script, -1)
	var b bytes.Buffer
	var objects []bool // of the brackets open here: whether it is that of an object or a pattern
	for i, token := range tokens {
		before, after := tokenAt(tokens, i-1), tokenAt(tokens, i+1)
		switch token[0] {
		case '`':
			token = inTemplate.ReplaceAllFunc(token, func(code []byte) []byte { return withNames(short, code) })
		case '{', '(', '[':
			objects = append(objects, token[0] == '{' && opensObject(before))
		case '}', ')', ']':
			objects = objects[:len(objects)-1]
		}
		name, known := short[string(token)]
		inObject := len(objects) > 0 && objects[len(objects)-1] && (before == "{" || before == ",")
		switch {
		case !known || before == "." || before == "#" || inObject && after == ":": // a property
			b.Write(token)
		case inObject && (after == "," || after == "}" || after == "="): // a property and a variable
			b.WriteString(string(token) + ":" + name)
		default:
			b.WriteString(name)
		}
	}
	return b.Bytes()
}

// tokenAt returns a token; empty before the first and after the last, and for the last of three dots: what they spread
// is no property.
func tokenAt(tokens [][]byte, i int) string {
	if i < 0 || i >= len(tokens) {
		return ""
	}
	if i >= 2 && tokens[i][0] == '.' && tokens[i-1][0] == '.' && tokens[i-2][0] == '.' {
		return ""
	}
	return string(tokens[i])
}

// opensObject reports whether a brace behind a token opens an object or a pattern, and not a block.
func opensObject(before string) bool {
	return slices.Contains([]string{"(", "[", ",", "=", ":", "?", "return", " "}, before)
}

// shortNames returns short names for those that a script declares: the shortest for the one that is there most often.
func shortNames(script []byte) map[string]string {
	count := map[string]int{}
	for _, code := range append(inTemplate.FindAll(script, -1), script) {
		for _, token := range scriptToken.FindAll(code, -1) {
			count[string(token)]++
		}
	}
	var long []string
	for _, m := range declared.FindAllSubmatch(script, -1) {
		long = append(long, string(m[1]))
	}
	slices.SortFunc(long, func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	short, n := map[string]string{}, 0
	for _, name := range slices.Compact(long) {
		for count[shortName(n)] > 0 {
			n++
		}
		short[name] = shortName(n)
		n++
	}
	return short
}

// shortName returns the n-th of the names a, b, … z, A, … Z, a0, b0, …
func shortName(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	name := alphabet[n%len(alphabet) : n%len(alphabet)+1]
	if n >= len(alphabet) {
		name += strconv.Itoa(n/len(alphabet) - 1)
	}
	return name
}
