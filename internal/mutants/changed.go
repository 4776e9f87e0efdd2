package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// parent is the commit that a shallow checkout, the first commit and what is no checkout at all do not have.
const parent = "HEAD^"

var errNoParent = errors.New("no parent commit")

// line is a line of a file that has mutants.
type line struct {
	path    string
	number  int
	mutants int
}

var (
	diffFile = regexp.MustCompile(`^\+\+\+ b/(.*\.go)$`)
	diffHunk = regexp.MustCompile(`^@@ -\S+ \+(\d+)(?:,(\d+))? @@`)
)

// changedLines returns the lines of packages that have mutants and differ from where HEAD left a commit, whether they
// are committed or not. Files that git does not know yet are not looked at.
func changedLines(since string, folders []string) (all []line, err error) {
	if since == parent && exec.Command("git", "rev-parse", "--verify", "--quiet", parent).Run() != nil {
		return nil, errNoParent
	}
	args := []string{"diff", "--merge-base", "--unified=0", "--relative", "--no-ext-diff", "--no-color",
		"--src-prefix=a/", "--dst-prefix=b/", since, "--"}
	diff := exec.Command("git", append(args, folders...)...) // #nosec G204 -- from the Makefile
	var said strings.Builder
	diff.Stderr = &said
	b, err := diff.Output()
	if err != nil {
		return nil, fmt.Errorf("git diff: %w: %s", err, said.String())
	}
	file, src := "", source{}
	for text := range strings.Lines(string(b)) {
		text = strings.TrimRight(text, "\n")
		if strings.HasPrefix(text, "+++ ") {
			file = ""
			if is := diffFile.FindStringSubmatch(text); is != nil && !strings.HasSuffix(is[1], "_test.go") {
				file = is[1]
				if src, err = readSource(file); err != nil {
					return nil, err
				}
			}
		}
		is := diffHunk.FindStringSubmatch(text)
		if is == nil || file == "" {
			continue
		}
		first, _ := strconv.Atoi(is[1])
		n := 1
		if is[2] != "" {
			n, _ = strconv.Atoi(is[2])
		}
		for number := first; number < first+n; number++ {
			if m := src.mutantsOf(number); m > 0 {
				all = append(all, line{file, number, m})
			}
		}
	}
	return all, nil
}

// spread returns as many lines as have at most so many mutants together, evenly spread over all, and the others. One
// line is always returned; 0: all are.
func spread(all []line, most int) (tried, left []line) {
	for want := len(all); ; want-- {
		tried, left = nil, nil
		n := 0
		for i, l := range all {
			if i*want/len(all) < (i+1)*want/len(all) {
				tried = append(tried, l)
				n += l.mutants
			} else {
				left = append(left, l)
			}
		}
		if n <= most || most == 0 || want <= 1 {
			return tried, left
		}
	}
}

// within returns the lines of one package.
func within(folder string, all []line) (its []line) {
	for _, l := range all {
		if path.Dir(l.path) == path.Clean(folder) {
			its = append(its, l)
		}
	}
	return its
}

// places names lines: a.go:1,2 b.go:3.
func places(lines []line) string {
	var b strings.Builder
	for i, l := range lines {
		switch {
		case i > 0 && lines[i-1].path == l.path:
			fmt.Fprintf(&b, ",%d", l.number)
		case i > 0:
			fmt.Fprintf(&b, " %s:%d", l.path, l.number)
		default:
			fmt.Fprintf(&b, "%s:%d", l.path, l.number)
		}
	}
	return b.String()
}
