package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// reader reads one file and collects its problems.
type reader struct {
	file      string
	env       func(string) (string, bool)
	read      func(string) ([]byte, error)
	languages []string
	problems  Problems
}

// note adds a problem. It returns false, for callers that return whether all is well.
func (r *reader) note(line int, path, what string) bool {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Path: path, What: what})
	return false
}

// document reads the one YAML document of a file. It returns nil if a problem was noted.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > maxFile {
		r.note(1, "", "the file is more than 1 MiB; a configuration is a few kilobytes")
		return nil
	}
	if line, what := forbidden(data); what != "" {
		r.note(line, "", what)
		return nil
	}
	lines := 1 + bytes.Count(data, []byte("\n"))
	loader, err := yaml.NewLoader(strings.NewReader(mark(string(data))),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	var first, second yaml.Node
	if err == nil {
		err = loader.Load(&first)
	}
	if errors.Is(err, io.EOF) || err == nil && empty(&first) {
		r.note(1, "", "the file has no configuration; optin keys -sample prints one to start from")
		return nil
	}
	if err == nil {
		err = loader.Load(&second)
	}
	switch {
	case err == nil:
		r.note(min(max(second.Line, 1), lines), "", "a second document begins here; keep one, without ---")
		return nil
	case !errors.Is(err, io.EOF):
		line, what := syntaxError(string(data), err)
		r.note(min(max(line, 1), lines), "", what)
		return nil
	}
	if !r.plain(&first) {
		return nil
	}
	return first.Content[0]
}

// empty reports whether a document has no content.
func empty(n *yaml.Node) bool {
	return len(n.Content) != 1 || n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Tag == "!!null"
}

// forbidden finds the first character that a configuration may not contain. The YAML library would refuse most of them
// too, but without a line.
func forbidden(data []byte) (line int, what string) {
	line = 1
	for len(data) > 0 {
		c, n := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && n == 1:
			return line, "this is not UTF-8 text; save the file as UTF-8"
		case c == '\n':
			line++
		case c == '\u2028', c == '\u2029', unicode.IsControl(c) && c != '\t' && c != '\r':
			return line, "here is a control character; delete it"
		case isMark(c), c == '\uFFFE', c == '\uFFFF':
			return line, "here is a character that Unicode reserves for internal use; delete it"
		}
		data = data[n:]
	}
	return 0, ""
}

// plain notes every anchor, alias and tag below n, and reports whether there was none.
func (r *reader) plain(n *yaml.Node) bool {
	ok := true
	switch {
	case n.Kind == yaml.AliasNode:
		ok = r.note(n.Line, "", "an alias (*name) is not allowed; repeat the value, or put it into quotes")
	case n.Anchor != "":
		ok = r.note(n.Line, "", "an anchor (&name) is not allowed; repeat the value where it is needed, or put it "+
			"into quotes")
	case n.Style&yaml.TaggedStyle != 0:
		ok = r.note(n.Line, "", "a tag (!name) is not allowed; leave it out, or put the value into quotes")
	}
	for _, c := range n.Content {
		ok = r.plain(c) && ok
	}
	return ok
}

// value is the value of one key or list item, given or left out.
type value struct {
	r    *reader
	path string
	node *yaml.Node // nil: left out
	line int        // of the key or list item; if it is left out, of the group it belongs to
}

// fail notes a problem with the value and returns false. The message must not repeat the value.
func (v value) fail(format string, a ...any) bool {
	what := fmt.Sprintf(format, a...)
	if v.path == "" {
		what = "the file " + what
	}
	return v.r.note(v.line, v.path, what)
}

// given reports whether the value is there. A key without a value counts as left out.
func (v value) given() bool {
	return v.node != nil && (v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!null")
}

// onNode returns the value with the line on which it begins instead of its key's.
func (v value) onNode() value {
	if v.node != nil {
		v.line = v.node.Line
	}
	return v
}

// text returns a scalar after the replacement of its variables.
func (v value) text() (string, bool) {
	if v.node.Kind != yaml.ScalarNode {
		return "", v.fail("is a %s, but must be one value%s", shape(v.node), hint(v.node))
	}
	v.line = v.node.Line
	s, problem := expand(v.node.Value, v.r.env)
	if problem != "" {
		return "", v.fail("%s", problem)
	}
	return s, true
}

// list returns the items of a list.
func (v value) list() []value {
	if !v.given() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.fail("is a %s, but must be a list: write - before each item, or [ ] around them", shape(v.node))
		return nil
	}
	items := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = value{r: v.r, path: v.path + "[" + strconv.Itoa(i) + "]", node: n, line: n.Line}
	}
	return items
}

// nonEmptyList returns the items of a list that must have at least one.
func (v value) nonEmptyList() []value {
	before := len(v.r.problems)
	items := v.list()
	switch {
	case len(items) > 0 || len(v.r.problems) > before:
	case v.given():
		v.fail("must have at least one entry")
	default:
		v.fail("is missing; it must have at least one entry")
	}
	return items
}

// oneOrMore returns the items of a non-empty list, or the single value that is written instead of one.
func (v value) oneOrMore() []value {
	if v.given() && v.node.Kind == yaml.ScalarNode {
		return []value{v}
	}
	return v.nonEmptyList()
}

// shape names the kind of a node.
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "group of keys"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

// hint names the likeliest reason for a group or list in place of a single value.
func hint(n *yaml.Node) string {
	if n.Style&yaml.FlowStyle != 0 {
		return "; put a value that begins with { or [ into quotes"
	}
	return ""
}

// group is a YAML mapping whose keys are known.
type group struct {
	value
	at map[string]value
}

// group reads a mapping and notes a problem for every key that is not among known. A value that is left out, or is not
// a mapping, is an empty group.
func (v value) group(known ...string) group {
	g := group{value: v, at: map[string]value{}}
	for _, e := range v.entries() {
		if !slices.Contains(known, e.key) {
			e.value.fail("is not a known key; known here are %s", strings.Join(known, ", "))
			continue
		}
		e.path = join(v.path, e.key)
		g.at[e.key] = e.value
	}
	return g
}

// get returns the value under a key, which may be left out.
func (g group) get(key string) value {
	if v, ok := g.at[key]; ok {
		return v
	}
	return value{r: g.r, path: join(g.path, key), line: g.line}
}

// entry is one key of a mapping with its value.
type entry struct {
	key string
	value
}

// entries reads a mapping in the order of the file. A repeated key is a problem and is returned once.
func (v value) entries() []entry {
	if !v.given() {
		return nil
	}
	if v.node.Kind != yaml.MappingNode {
		v.fail("is a %s, but must be a group of keys: key: value", shape(v.node))
		return nil
	}
	var all []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, n := v.node.Content[i], v.node.Content[i+1]
		at := join(v.path, shown(k, n, v.node.Style&yaml.FlowStyle != 0))
		e := entry{key: k.Value, value: value{r: v.r, path: at, node: n, line: k.Line}}
		first, again := lines[e.key]
		switch {
		case k.Kind != yaml.ScalarNode || e.key == "":
			e.value.fail("is not a key; a key is one word")
		case again:
			e.value.fail("is given twice, first on line %d; keep one", first)
		default:
			lines[e.key] = k.Line
			all = append(all, e)
		}
	}
	return all
}

// keyLetters are the characters of our keys.
const keyLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// shown returns a key as problems may show it. A key that does not look like ours, or has no value inside { }, may be a
// secret in the wrong place.
func shown(k, n *yaml.Node, flow bool) string {
	alone := flow && n.Tag == "!!null" && n.Value == ""
	if alone || k.Kind != yaml.ScalarNode || k.Value == "" || len(k.Value) > 32 ||
		strings.Trim(k.Value, keyLetters) != "" {
		return "(a key)"
	}
	return k.Value
}

// join appends a key to a path.
func join(path, key string) string {
	return strings.TrimPrefix(path+"."+key, ".")
}

// required reads a value that must be given.
func required[T any](v value, parse func(string) (T, error)) T {
	if !v.given() {
		v.fail("is missing")
		return *new(T)
	}
	return optional(v, "", parse)
}

// optional reads a value. If it is left out, the result is the parsed fallback, or the zero T if the fallback is empty.
func optional[T any](v value, fallback string, parse func(string) (T, error)) T {
	s, ok := fallback, fallback != ""
	if v.given() {
		s, ok = v.text()
	}
	if !ok {
		return *new(T)
	}
	t, err := parse(s)
	if err != nil {
		v.onNode().fail("%s", err.Error())
		return *new(T)
	}
	return t
}

// each reads every item of a list.
func each[T any](items []value, parse func(string) (T, error)) []T {
	var all []T
	for _, item := range items {
		all = append(all, required(item, parse))
	}
	return all
}
