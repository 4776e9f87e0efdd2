package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// env is a module in a repository of its own, in the current directory.
type env struct{ *testing.T }

func newEnv(t *testing.T) env {
	e := env{t}
	t.Chdir(t.TempDir())
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(name, "test@example.org")
	}
	e.write("go.mod", "module example.org/limit\n\ngo 1.24\n")
	e.write("reasons.md", "")
	e.git("init", "-q", "-b", "main")
	return e
}

func (e env) write(path, text string) {
	e.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		e.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		e.Fatal(err)
	}
}

func (e env) git(args ...string) {
	e.Helper()
	if said, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		e.Fatalf("git %v: %v\n%s", args, err, said)
	}
}

func (e env) commit() {
	e.Helper()
	e.git("add", ".")
	e.git("commit", "-q", "-m", "a change")
}

// run returns what was found of the packages a and b, and whether it is good.
func (e env) run(since string) (out string, good bool) {
	e.Helper()
	var b strings.Builder
	good, err := run(&b, []string{"./a", "./b"}, options{least: 95, reasons: "reasons.md", since: since})
	if err != nil {
		e.Fatal(err)
	}
	return b.String(), good
}

// withoutGremlins has nothing be fetched or found.
func (e env) withoutGremlins() {
	e.Setenv("GOPROXY", "off")
	e.Setenv("GOMODCACHE", e.TempDir())
}

const (
	below = `package a

// Below has no test that tries its bound.
func Below(n int) bool {
	return n < 10
}
`
	above = `
// Above has one.
func Above(n int) bool {
	if n == 0 {
		return false
	}
	return n > 10
}

// Far has none.
func Far(n int) bool {
	return n > 100
}
`
	belowTest = `package a

import "testing"

func TestBelow(t *testing.T) {
	if !Below(5) || Below(15) {
		t.Error()
	}
}
`
	aboveTest = `
func TestAbove(t *testing.T) {
	if Above(0) || Above(10) || !Above(11) || Far(1) || !Far(1000) {
		t.Error()
	}
}
`
)

func TestOfAChangeOnlyItsLinesAreTried(t *testing.T) {
	e := newEnv(t)
	g, err := install()
	if err != nil {
		t.Skip("gremlins cannot be had: ", err)
	}
	os.RemoveAll(g.dir)
	e.write("a/a.go", below)
	e.write("a/a_test.go", belowTest)
	e.write("b/b.go", strings.ReplaceAll(below, "package a", "package b"))
	e.commit()
	e.write("a/a.go", below+above)
	e.write("a/a_test.go", belowTest+aboveTest)
	e.commit()

	const survivor = "LIVED CONDITIONALS_BOUNDARY at a/a.go:18:11: return n > 100\n"
	want := "./a: 4 of 5 killed, 80.0 %\nno test notices, and reasons.md has no reason: " + survivor +
		"all: 4 of 5 killed, 80.0 %\n"
	if out, good := e.run("HEAD^"); good || out != want {
		t.Errorf("good is %v, want false and, of the changed lines alone, %q:\n%s", good, want, out)
	}

	e.write("reasons.md", "| `a/a.go` | `n > 100` | far enough |\n")
	if out, good := e.run("HEAD^"); !good {
		t.Errorf("a survivor with a reason fails:\n%s", out)
	}

	e.write("a/a_test.go", belowTest)
	if out, good := e.run("HEAD^"); good || !strings.Contains(out, "NOT COVERED CONDITIONALS_NEGATION at a/a.go:10:7") {
		t.Errorf("good is %v, want false, since no test runs the new lines:\n%s", good, out)
	}
}

func TestWhereNoOperatorChangedNothingIsRun(t *testing.T) {
	e := newEnv(t)
	e.write("a/a.go", below+above)
	e.write("a/a_test.go", "package a\n")
	e.write("c/c.go", below)
	e.commit()
	e.withoutGremlins() // or it would be said
	e.write("a/a.go", strings.ReplaceAll(below+above, "has none", "has still none"))
	e.write("a/a_test.go", belowTest)
	e.write("c/c.go", below+above)
	e.commit()
	const want = "mutants: none, because no operator of ./a ./b differs from HEAD^\n"
	e.write("b/b.go", "package b\n")
	if out, good := e.run("HEAD^"); !good || out != want {
		t.Errorf("good is %v, want true and %q:\n%s", good, want, out)
	}
}

func TestWithoutAParentNothingIsCompared(t *testing.T) {
	e := newEnv(t)
	e.write("a/a.go", below)
	const want = "mutants: nothing was compared, because this checkout has no parent commit\n"
	if out, good := e.run("HEAD^"); !good || out != want {
		t.Errorf("before the first commit: good is %v, want true and %q:\n%s", good, want, out)
	}
	e.commit()
	if out, good := e.run("HEAD^"); !good || out != want {
		t.Errorf("at the first commit: good is %v, want true and %q:\n%s", good, want, out)
	}
	if _, err := run(t.Output(), []string{"./a"}, options{reasons: "reasons.md", since: "origin/main"}); err == nil {
		t.Error("a commit that is not there passes")
	}
}

func TestWithoutGremlinsItSaysSo(t *testing.T) {
	e := newEnv(t)
	e.write("a/a.go", below)
	e.commit()
	e.write("a/a.go", below+above)
	e.withoutGremlins()
	const want = "mutants: not tried, because gremlins cannot be had here: "
	for _, since := range []string{"HEAD", ""} {
		if out, good := e.run(since); !good || !strings.HasPrefix(out, want) {
			t.Errorf("since %q: good is %v, want true and %q:\n%s", since, good, want, out)
		}
	}
}

func TestChangedLinesAreThoseOfTheBranch(t *testing.T) {
	e := newEnv(t)
	e.write("a/a.go", below)
	e.commit()
	e.git("checkout", "-q", "-b", "topic")
	e.write("a/a.go", below+above)
	e.commit()
	e.write("b/b.go", strings.ReplaceAll(below, "package a", "package b"))
	e.git("add", "b") // and not committed
	e.git("stash", "-q")
	e.git("checkout", "-q", "main")
	e.write("a/a.go", strings.ReplaceAll(below, "< 10", "< 11"))
	e.commit()
	e.git("checkout", "-q", "topic")
	e.git("stash", "pop", "-q")
	got, err := changedLines("main", []string{"./a", "./b"})
	want := []line{{"a/a.go", 10, 1}, {"a/a.go", 13, 2}, {"a/a.go", 18, 2}, {"b/b.go", 5, 2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestABoundSpreadsOverAllLines(t *testing.T) {
	var all []line
	for i := range 10 {
		all = append(all, line{"a.go", i, 1 + i%2})
	}
	for _, test := range []struct {
		most  int
		tried string
	}{
		{0, "a.go:0,1,2,3,4,5,6,7,8,9"},
		{15, "a.go:0,1,2,3,4,5,6,7,8,9"},
		{14, "a.go:1,2,3,4,5,6,7,8,9"},
		{8, "a.go:2,4,7,9"},
		{3, "a.go:4,9"},
		{1, "a.go:9"},
	} {
		tried, left := spread(all, test.most)
		if got := places(tried); got != test.tried {
			t.Errorf("at most %d: %s, want %s", test.most, got, test.tried)
		}
		if len(tried)+len(left) != len(all) {
			t.Errorf("at most %d: %d tried and %d left of %d", test.most, len(tried), len(left), len(all))
		}
	}
	if tried, left := spread(nil, 3); tried != nil || left != nil {
		t.Errorf("of none: %v and %v", tried, left)
	}
}
