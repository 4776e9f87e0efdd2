package config

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File string // as the caller named it
	Line int    // 1 or more
	Path string // such as sites[0].purposes[1].text.fr; empty if it is about the file
	What string // what is wrong and what to write instead; it never repeats a value
}

// String returns the problem on one line: "optin.yaml:12: sites[0].purposes is missing; it must have at least one
// entry".
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
	}
	return fmt.Sprintf("%s:%d: %s %s", p.File, p.Line, p.Path, p.What)
}

// Problems is everything that is wrong with a configuration, sorted by line. It is the only error type of this package.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// sort orders the problems by line and keeps the order of those of one line.
func (p Problems) sort() {
	sort.SliceStable(p, func(i, j int) bool { return p[i].Line < p[j].Line })
}
