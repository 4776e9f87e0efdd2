package config

import (
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxError returns what the YAML library found in a file. Its message is used only where it cannot repeat a part of
// the file.
func syntaxError(file string, err error) (line int, what string) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return 1, "the file cannot be read as YAML"
	}
	line = at.Mark.Line
	if slip, what := slipAbove(strings.Split(file, "\n"), line, at.Message); what != "" {
		return slip, "this is not YAML: " + what
	}
	switch {
	case strings.Contains(at.Message, "unknown anchor"):
		return line, "an alias (*name) is not allowed; put a value that begins with * into quotes"
	case strings.Contains(at.Message, "max depth"):
		return line, "this is nested too deeply; check the brackets and the indentation"
	case strings.ContainsAny(at.Message, "'\"`") && !isExpectation(at.Message):
		return line, "this is not YAML; put values that begin with ! & * or % into quotes"
	case strings.Contains(at.Message, "cannot start any token"):
		return line, "this is not YAML: " + at.Message +
			"; indent with spaces, not tabs, and put values that begin with @ or ` into quotes"
	case strings.Contains(at.Message, noMapping):
		return line, "this is not YAML: " + at.Message +
			"; check the indentation, and put values that contain a colon and a space into quotes"
	case at.ContextMark.Line > 0 && at.ContextMark.Line < line && isUnclosed(at.ContextMsg):
		return at.ContextMark.Line, "this is not YAML: " + at.ContextMsg + " that begins here: " + at.Message
	}
	return line, "this is not YAML: " + at.Message + "; check the indentation, quotes and brackets"
}

// noMapping is what the YAML library says of a colon where it is reading a value.
const noMapping = "mapping values are not allowed"

// isExpectation reports whether a message says what the YAML library expected, by a sign of its own.
func isExpectation(message string) bool {
	return strings.HasPrefix(message, "did not find expected") || strings.HasPrefix(message, "could not find expected")
}

// isUnclosed reports whether what the YAML library was reading began with a quote or a bracket, which is then not
// closed where it should be: the fault is where it began, however far the library read.
func isUnclosed(reading string) bool {
	return strings.Contains(reading, "quoted scalar") || strings.Contains(reading, "flow ")
}

var (
	// quoted is a value that begins with a quote, of a key or an item.
	quoted = regexp.MustCompile(`^\s*(?:- +)*(?:[A-Za-z_-]+: +)?(["'].*)`)
	// joined is a key whose value follows the colon without a space; what has // behind it is a URL.
	joined = regexp.MustCompile(`^\s*(?:- +)*[A-Za-z_]+:[^\s/]`)
	// lonely is a word without a colon where a key may be.
	lonely = regexp.MustCompile(`^\s*[A-Za-z_]+\s*$`)
)

// slipAbove looks for a slip which YAML allows, and which leads to an error on a later line: a quote that closes on
// another line, or a key without a colon, or without a space behind it. It looks only where the library was surprised
// by what followed, and returns the line and what to do there; or "" if it finds none.
func slipAbove(lines []string, line int, message string) (at int, what string) {
	if !isExpectation(message) && !strings.HasPrefix(message, noMapping) {
		return 0, ""
	}
	above := lines[:min(max(line-1, 0), len(lines))]
	for i, text := range above {
		if value := quoted.FindStringSubmatch(text); value != nil && opensQuote(value[1]) {
			return i + 1, "the quote that begins here is not closed on this line"
		}
	}
	for i := len(above) - 1; i >= 0; i-- {
		switch text := strings.TrimSpace(above[i]); {
		case text == "" || text[0] == '#':
			continue
		case joined.MatchString(above[i]):
			return i + 1, "write a space behind the colon of the key"
		case lonely.MatchString(above[i]):
			return i + 1, "write a colon and a value behind the key"
		}
		break
	}
	return 0, ""
}

// opensQuote reports whether a line does not close the quote with which its value begins.
func opensQuote(value string) bool {
	quote := value[0]
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\\' && quote == '"':
			i++
		case value[i] != quote:
		case quote == '\'' && i+1 < len(value) && value[i+1] == quote:
			i++ // '' is one quote of the text
		default:
			return false
		}
	}
	return true
}
