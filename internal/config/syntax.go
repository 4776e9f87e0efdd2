package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// document reads the one YAML document of a file. It returns nil when a problem was noted.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > maxFile {
		r.note(1, "", "the file is more than 1 MiB; a configuration is a few kilobytes")
		return nil
	}
	if line, what := unfit(data); what != "" {
		r.note(line, "", what)
		return nil
	}
	lines := 1 + bytes.Count(data, []byte("\n"))
	loader, err := yaml.NewLoader(strings.NewReader(mark(string(data))), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
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
		line, what := syntaxError(err)
		r.note(min(max(line, 1), lines), "", what)
		return nil
	}
	if !r.plain(&first) {
		return nil
	}
	return first.Content[0]
}

// empty tells whether a document holds nothing.
func empty(n *yaml.Node) bool {
	return len(n.Content) != 1 || n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Tag == "!!null"
}

// unfit finds the first character that no configuration may hold. The YAML library would refuse most of them too, but
// without a line.
func unfit(data []byte) (line int, what string) {
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

// syntaxError says what the YAML library found. Its words are taken only where they cannot repeat a part of the file.
func syntaxError(err error) (line int, what string) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return 1, "the file cannot be read as YAML"
	}
	line = at.Mark.Line
	switch {
	case strings.Contains(at.Message, "unknown anchor"):
		return line, "an alias (*name) is not allowed; put a value that begins with * into quotes"
	case strings.Contains(at.Message, "max depth"):
		return line, "this is nested too deeply; check the brackets and the indentation"
	case strings.ContainsAny(at.Message, "'\"`") && !strings.HasPrefix(at.Message, "did not find expected") && !strings.HasPrefix(at.Message, "could not find expected"):
		return line, "this is not YAML; put values that begin with ! & * or % into quotes"
	case strings.Contains(at.Message, "cannot start any token"):
		return line, "this is not YAML: " + at.Message + "; indent with spaces, not tabs, and put values that begin with @ or ` into quotes"
	case strings.Contains(at.Message, "mapping values are not allowed"):
		return line, "this is not YAML: " + at.Message + "; check the indentation, and put values that contain a colon and a space into quotes"
	case at.ContextMsg != "" && at.ContextMark.Line > 0 && at.ContextMark.Line < line:
		return at.ContextMark.Line, "this is not YAML: " + at.ContextMsg + " that begins here: " + at.Message
	}
	return line, "this is not YAML: " + at.Message + "; check the indentation, quotes and brackets"
}

// plain notes every anchor, alias and tag below n, and tells whether there was none.
func (r *reader) plain(n *yaml.Node) bool {
	ok := true
	switch {
	case n.Kind == yaml.AliasNode:
		ok = r.note(n.Line, "", "an alias (*name) is not allowed; repeat the value, or put it into quotes")
	case n.Anchor != "":
		ok = r.note(n.Line, "", "an anchor (&name) is not allowed; repeat the value where it is needed, or put it into quotes")
	case n.Style&yaml.TaggedStyle != 0:
		ok = r.note(n.Line, "", "a tag (!name) is not allowed; leave it out, or put the value into quotes")
	}
	for _, c := range n.Content {
		ok = r.plain(c) && ok
	}
	return ok
}
