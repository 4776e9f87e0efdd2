package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// group is a YAML mapping whose keys are known.
type group struct {
	value
	at map[string]value
}

// group reads a mapping with none but the given keys. What is left out, or no mapping, is an empty group.
func (v value) group(known ...string) group {
	g := group{value: v, at: map[string]value{}}
	for _, e := range v.entries() {
		if slices.Contains(known, e.key) {
			e.path = join(v.path, e.key)
			g.at[e.key] = e.value
			continue
		}
		e.value.fail("is not known%s", suggestion(e.key, known))
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

// entries reads a mapping in the order of the file. A key that comes again is a problem and is not returned again.
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
		e := entry{key: k.Value, value: value{r: v.r, path: join(v.path, shown(k, n, v.node.Style&yaml.FlowStyle != 0)), node: n, line: k.Line}}
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

// shown is a key as problems may show it. What does not look like a key of ours, or stands alone inside { }, may be a
// secret in the wrong place.
func shown(k, n *yaml.Node, flow bool) string {
	alone := flow && n.Tag == "!!null" && n.Value == ""
	if alone || k.Kind != yaml.ScalarNode || k.Value == "" || len(k.Value) > 32 || strings.Trim(k.Value, keyLetters) != "" {
		return "(a key)"
	}
	return k.Value
}

const keyLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// suggestion names the known key nearest to an unknown one, or all known keys when none is near.
func suggestion(key string, known []string) string {
	best, least := "", 1+max(2, min(len(key), 32)/3)
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "; known are " + strings.Join(known, ", ")
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's, in bytes; for a key far longer than any of ours it is only a lower bound.
func distance(a, b string) int {
	if len(a) > len(b)+8 {
		return len(a) - len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
