// Command mutants changes one operator after the other in some packages and has each package's own tests look at it
// (gremlins): a mutant that no test notices has survived. It fails if fewer than -least percent were killed, or if one
// survived that -reasons does not explain: a table whose rows begin with a file and a part of the line.
//
//	go run ./internal/mutants -least 95 -reasons docs/mutants.md ./confirm/consent ./internal/token
//
// With -since it changes only lines that differ from where this branch left a commit, and asks only for reasons, since
// a percentage of a few says nothing; with -most it tries so many mutants of these lines, spread evenly, and names the
// others. A checkout without a parent commit has nothing to compare with HEAD^, and gremlins may not be to be had:
// either is said and fails nothing.
//
// A mutant that ran into the time limit is not called killed, nor is one that no test of the package runs. Constants
// and the conditions of a switch are left out: Go's coverage, by which gremlins chooses, does not know them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strings"
)

func main() {
	log.SetFlags(0)
	o := options{}
	flag.Float64Var(&o.least, "least", 95, "how many percent must be killed")
	flag.StringVar(&o.reasons, "reasons", "docs/mutants.md", "the table of survivors")
	flag.StringVar(&o.since, "since", "", "a commit: only lines that differ from it")
	flag.IntVar(&o.most, "most", 0, "how many mutants of these lines are tried at most; 0: all")
	flag.Parse()
	switch good, err := run(os.Stdout, flag.Args(), o); {
	case err != nil:
		log.Fatal(err)
	case !good:
		os.Exit(1)
	}
}

type options struct {
	least   float64
	reasons string
	since   string
	most    int
}

// run tries mutants of some packages and reports whether enough were killed, and each survivor has its reason.
func run(out io.Writer, folders []string, o options) (good bool, err error) {
	known, err := readReasons(o.reasons)
	if err != nil {
		return false, err
	}
	var lines []line
	if o.since != "" {
		if lines, err = toTry(out, folders, o); err != nil || len(lines) == 0 {
			return err == nil, err
		}
	}
	g, err := install()
	if err != nil {
		fmt.Fprintln(out, "mutants: not tried, because gremlins cannot be had here:", err)
		return true, nil
	}
	defer os.RemoveAll(g.dir)
	total := count{}
	for _, folder := range folders {
		only := within(folder, lines)
		if o.since != "" && len(only) == 0 {
			continue
		}
		found, err := g.unleash(folder, o.since, only)
		if err != nil {
			return false, err
		}
		n, err := found.count(folder, known)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(out, "%s: %s\n", folder, n)
		total.killed, total.all = total.killed+n.killed, total.all+n.all
		total.unexplained = append(total.unexplained, n.unexplained...)
	}
	for _, m := range total.unexplained {
		fmt.Fprintln(out, "no test notices, and", o.reasons, "has no reason:", m)
	}
	fmt.Fprintf(out, "all: %s\n", total)
	enough := o.since != "" || total.percent() >= o.least
	return enough && len(total.unexplained) == 0, nil
}

// toTry returns the lines of a change whose mutants are tried, and says which are not.
func toTry(out io.Writer, folders []string, o options) ([]line, error) {
	changed, err := changedLines(o.since, folders)
	if errors.Is(err, errNoParent) {
		fmt.Fprintln(out, "mutants: nothing was compared, because this checkout has no parent commit")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(changed) == 0 {
		in := strings.Join(folders, " ")
		fmt.Fprintf(out, "mutants: none, because no operator of %s differs from %s\n", in, o.since)
	}
	lines, left := spread(changed, o.most)
	if len(left) > 0 {
		fmt.Fprintf(out, "not tried here, but by make mutants SINCE=%s: %s\n", o.since, places(left))
	}
	return lines, nil
}

// count is how many mutants there were, and which survived without a reason.
type count struct {
	killed, all int
	unexplained []string
}

func (n count) percent() float64 {
	if n.all == 0 {
		return 100
	}
	return 100 * float64(n.killed) / float64(n.all)
}

func (n count) String() string {
	return fmt.Sprintf("%d of %d killed, %.1f %%", n.killed, n.all, n.percent())
}

// reason is a row of the table: why what stands in a line of a file may be changed without a test that notices.
type reason struct{ file, code string }

var row = regexp.MustCompile("^\\| `([^`]+)` \\| `([^`]+)` \\|")

func readReasons(path string) (all []reason, err error) {
	b, err := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if is := row.FindStringSubmatch(line); is != nil {
			all = append(all, reason{is[1], is[2]})
		}
	}
	return all, err
}

func explained(known []reason, path, line string) bool {
	for _, r := range known {
		if r.file == path && strings.Contains(line, r.code) {
			return true
		}
	}
	return false
}
