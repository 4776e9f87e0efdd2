// Command mutants changes one operator after the other in some packages and has each package's own tests look at it
// (gremlins): a mutant that no test notices has survived. It fails if fewer than -least percent were killed, or if one
// survived that -reasons does not explain: a table whose rows begin with a file and a part of the line.
//
//	go run ./internal/mutants -least 95 -reasons docs/mutants.md ./confirm/consent ./internal/token
//
// With -since it changes only lines that differ from a commit. A mutant that ran into the time limit is not called
// killed, nor is one that no test of the package runs. Constants and the conditions of a switch are left out: Go's
// coverage, by which gremlins chooses, does not know them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const gremlins = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

func main() {
	log.SetFlags(0)
	least := flag.Float64("least", 95, "how many percent must be killed")
	reasons := flag.String("reasons", "docs/mutants.md", "the table of survivors")
	since := flag.String("since", "", "a commit: only lines that differ from it")
	flag.Parse()
	known, err := readReasons(*reasons)
	if err != nil {
		log.Fatal(err)
	}
	total := count{}
	for _, folder := range flag.Args() {
		found, err := unleash(folder, *since)
		if err != nil {
			log.Fatal(err)
		}
		n, err := found.count(folder, known)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", folder, n)
		total.killed, total.all = total.killed+n.killed, total.all+n.all
		total.unexplained = append(total.unexplained, n.unexplained...)
	}
	for _, m := range total.unexplained {
		fmt.Println("no test notices, and", *reasons, "has no reason:", m)
	}
	fmt.Printf("all: %s\n", total)
	if total.percent() < *least || len(total.unexplained) > 0 {
		os.Exit(1)
	}
}

// report is what gremlins writes.
type report struct {
	Files []struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
			Line   int    `json:"line"`
			Column int    `json:"column"`
		} `json:"mutations"`
	} `json:"files"`
}

// unleash runs gremlins.
func unleash(folder, since string) (found report, err error) {
	out := filepath.Join(os.TempDir(), fmt.Sprintf("mutants-%d.json", os.Getpid()))
	defer func() { _ = os.Remove(out) }()
	args := []string{"run", gremlins, "unleash", "--timeout-coefficient", "10", "--workers", "1", "--output", out}
	if since != "" {
		args = append(args, "--diff", since)
	}
	run := exec.Command("go", append(args, folder)...) // #nosec G204 -- from the Makefile
	if said, err := run.CombinedOutput(); err != nil {
		return found, fmt.Errorf("%s: %w\n%s", folder, err, said)
	}
	b, err := os.ReadFile(out) // #nosec G304 -- our own
	if os.IsNotExist(err) {    // there was nothing to change
		return found, nil
	}
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(b, &found)
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

func (r report) count(folder string, known []reason) (n count, err error) {
	for _, f := range r.Files {
		path := filepath.ToSlash(filepath.Join(folder, f.Name))
		src, err := readSource(path)
		if err != nil {
			return n, err
		}
		for _, m := range f.Mutations {
			switch m.Status {
			case "NOT VIABLE", "SKIPPED":
				continue
			case "NOT COVERED":
				if !src.canBeCovered(m.Line, m.Column) {
					continue
				}
			}
			n.all++
			if m.Status == "KILLED" {
				n.killed++
				continue
			}
			line := strings.TrimSpace(src.lines[m.Line-1])
			if !explained(known, path, line) {
				n.unexplained = append(n.unexplained,
					fmt.Sprintf("%s %s at %s:%d:%d: %s", m.Status, m.Type, path, m.Line, m.Column, line))
			}
		}
	}
	return n, nil
}

// source is a file of Go.
type source struct {
	lines     []string
	set       *token.FileSet
	functions []ast.Node
	cases     []ast.Node // the conditions of switches
}

func readSource(path string) (s source, err error) {
	b, err := os.ReadFile(path) // #nosec G304 -- of this repository
	if err != nil {
		return s, err
	}
	s.lines, s.set = strings.Split(string(b), "\n"), token.NewFileSet()
	file, err := parser.ParseFile(s.set, path, b, 0)
	if err != nil {
		return s, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.functions = append(s.functions, n)
		case *ast.CaseClause:
			for _, condition := range n.List {
				s.cases = append(s.cases, condition)
			}
		}
		return true
	})
	return s, nil
}

// canBeCovered reports whether what stands at a place is a part of a statement that Go's coverage counts.
func (s source) canBeCovered(line, column int) bool {
	return s.isIn(s.functions, line, column) && !s.isIn(s.cases, line, column)
}

func (s source) isIn(nodes []ast.Node, line, column int) bool {
	before := func(a, b token.Position) bool {
		return a.Line < b.Line || a.Line == b.Line && a.Column <= b.Column
	}
	at := token.Position{Line: line, Column: column}
	return slices.ContainsFunc(nodes, func(n ast.Node) bool {
		return before(s.set.Position(n.Pos()), at) && before(at, s.set.Position(n.End()))
	})
}

// reason is a row of the table: why what stands in a line of a file may be changed without a test that notices.
type reason struct{ file, code string }

var row = regexp.MustCompile("^\\| `([^`]+)` \\| `([^`]+)` \\|")

func readReasons(path string) (all []reason, err error) {
	b, err := os.ReadFile(path) // #nosec G304 -- of this repository
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
