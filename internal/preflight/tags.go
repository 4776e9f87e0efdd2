package preflight

import (
	"fmt"
	"strings"
)

// tag is one name=value of a DKIM or DMARC record (RFC 6376, section 3.2).
type tag struct{ name, value string }

type tags []tag

// splitTags returns every name=value of a record. The error names the first part that is not one, or that repeats a
// name.
func splitTags(txt string) (all tags, first error) {
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(txt), ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		_, again := all.find(name)
		var err error
		switch {
		case !ok || name == "" || strings.ContainsAny(name, " \t"):
			err = fmt.Errorf("“%s” is not of the form name=value", strings.TrimSpace(part))
		case again:
			err = fmt.Errorf("%s= appears twice", name)
		default:
			all = append(all, tag{name, strings.TrimSpace(value)})
		}
		if first == nil {
			first = err
		}
	}
	return all, first
}

func (t tags) find(name string) (value string, given bool) {
	for _, one := range t {
		if one.name == name {
			return one.value, true
		}
	}
	return "", false
}

// get returns a value, or fallback if it is not given.
func (t tags) get(name, fallback string) string {
	if value, given := t.find(name); given {
		return value
	}
	return fallback
}

// without returns the tags without one.
func (t tags) without(name string) (kept tags) {
	for _, one := range t {
		if one.name != name {
			kept = append(kept, one)
		}
	}
	return kept
}

func (t tags) String() string {
	parts := make([]string, len(t))
	for i, one := range t {
		parts[i] = one.name + "=" + one.value
	}
	return strings.Join(parts, "; ")
}

// lists reports whether a colon-separated value contains a word.
func lists(value, word string) bool {
	for one := range strings.SplitSeq(value, ":") {
		if strings.TrimSpace(one) == word {
			return true
		}
	}
	return false
}
