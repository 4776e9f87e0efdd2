package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

// gremlins is the program, in a folder of its own.
type gremlins struct{ dir string }

// install fetches and builds gremlins.
func install() (g gremlins, err error) {
	if g.dir, err = os.MkdirTemp("", "mutants-"); err != nil {
		return g, err
	}
	get := exec.Command("go", "install", module)
	get.Env = append(os.Environ(), "GOBIN="+g.dir)
	if said, err := get.CombinedOutput(); err != nil {
		return g, errors.Join(errors.New(strings.TrimSpace(string(said))), os.RemoveAll(g.dir))
	}
	return g, nil
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

// unleash tries the mutants of a package, or those of some lines that differ from a commit.
func (g gremlins) unleash(folder, since string, only []line) (found report, err error) {
	out := filepath.Join(g.dir, "report.json")
	defer os.RemoveAll(out)
	args := []string{"unleash", "--timeout-coefficient", "10", "--workers", "1", "--output", out}
	// The time limit is ten times what the tests take unchanged, which is next to nothing when that is a cached result.
	env := append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -count=1"))
	if len(only) > 0 {
		args = append(args, "--diff", since)
		diff := filepath.Join(g.dir, "diff")
		// #nosec G306 -- git runs it
		if err := os.WriteFile(diff, []byte("#!/bin/sh\ncat <<'END'\n"+asDiff(only)+"END\n"), 0o700); err != nil {
			return found, err
		}
		env = append(env, "GIT_EXTERNAL_DIFF="+diff)
	}
	try := exec.Command(filepath.Join(g.dir, "gremlins"), append(args, folder)...) // #nosec G204 -- from the Makefile
	try.Env = env
	if said, err := try.CombinedOutput(); err != nil {
		return found, fmt.Errorf("%s: %w\n%s", folder, err, said)
	}
	b, err := os.ReadFile(out)
	if os.IsNotExist(err) { // there was nothing to change
		return found, nil
	}
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(b, &found)
}

// asDiff returns a diff in which only some lines are new. Gremlins asks git which lines those are, and would take from
// its answer neither files below the root of the repository nor more than the first of changes that are close together.
func asDiff(lines []line) string {
	var b strings.Builder
	for i, l := range lines {
		if name := filepath.Base(l.path); i == 0 || lines[i-1].path != l.path {
			fmt.Fprintf(&b, "diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n", name)
		}
		fmt.Fprintf(&b, "@@ -0,0 +%d @@\n+\n", l.number)
	}
	return b.String()
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
