package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader goes through one file and collects its problems.
type reader struct {
	file      string
	env       func(string) (string, bool)
	read      func(string) ([]byte, error)
	languages []string
	problems  Problems
}

// note adds a problem. It returns false, for callers whose own answer that is.
func (r *reader) note(line int, path, what string) bool {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Path: path, What: what})
	return false
}

// value is one place of the file, filled or not.
type value struct {
	r    *reader
	path string
	node *yaml.Node // nil: left out
	line int        // of the key or list item; of what should hold it when it is left out
}

// fail notes a problem with the value and returns false. The words must not repeat the value.
func (v value) fail(format string, a ...any) bool {
	what := fmt.Sprintf(format, a...)
	if v.path == "" {
		what = "the file " + what
	}
	return v.r.note(v.line, v.path, what)
}

// given tells whether the value is there. A key with nothing behind it counts as left out.
func (v value) given() bool {
	return v.node != nil && (v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!null")
}

// onNode is the value with the line on which it begins, rather than its key's.
func (v value) onNode() value {
	if v.node != nil {
		v.line = v.node.Line
	}
	return v
}

// text returns a scalar with its variables put in.
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

// items returns the items of a list of one or more, or the one value that stands in its place.
func (v value) items() []value {
	if v.given() && v.node.Kind == yaml.ScalarNode {
		return []value{v}
	}
	return v.some()
}

// some returns the items of a list that must have one.
func (v value) some() []value {
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

// shape names what a node is.
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "group of keys"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

// hint is for the likeliest reason of a group or list where one value belongs.
func hint(n *yaml.Node) string {
	if n.Style&yaml.FlowStyle != 0 {
		return "; put a value that begins with { or [ into quotes"
	}
	return ""
}

// join puts a key behind a path.
func join(path, key string) string {
	return strings.TrimPrefix(path+"."+key, ".")
}
