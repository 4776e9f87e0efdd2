package config

import (
	"strings"
	"testing"
)

func TestVariablesAreReplacedInValuesOnly(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "one", "_b2": "two", "EMPTY": "", "NESTED": "${A}", "YAML": "x: y # [", "MARK": "\uFDD0A\uFDD1"}[name]
		return v, ok
	}
	for in, want := range map[string]string{
		"plain":            "plain",
		"${A}":             "one",
		"a${A}${_b2}z":     "aonetwoz",
		"${EMPTY}":         "",
		"${NESTED}":        "${A}",
		"${YAML}":          "x: y # [",
		"${MARK}":          "\uFDD0A\uFDD1",
		"$${A}":            "${A}",
		"$$${A}":           "$${A}",
		"$${A}${A}":        "${A}one",
		"$${ A}":           "${ A}",
		"$A $ {A} $$ cost": "$A $ {A} $$ cost",
		"$${":              "${",
	} {
		got, problem := expand(mark(in), env)
		if got != want || problem != "" {
			t.Errorf("%s: got %q, %q; want %q", in, got, problem, want)
		}
	}
	for _, in := range []string{"${NONE}", "${}", "${", "${A", "${A B}", "${1A}", "${A:-x}", "x${A.B}", "${a\u00e9}"} {
		if got, problem := expand(mark(in), env); problem == "" || got != "" {
			t.Errorf("%s: got %q, %q; want a problem", in, got, problem)
		}
	}
}

func TestAVariableCannotChangeTheFile(t *testing.T) {
	for _, evil := range []string{"x\nlisten: 0.0.0.0:1", "x}, listen: y, {a: b", "x # y", "'x", "\"", "- a", "&a *a", "!!map {}"} {
		env := func(name string) (string, bool) {
			if name == "EVIL" {
				return evil, true
			}
			return variables(name)
		}
		c, err := Parse("optin.yaml", []byte(strings.Replace(minimal, "name: La Gazette SAS", "name: ${EVIL}", 1)), env, nil)
		switch {
		case strings.Contains(evil, "\n"):
			if want := "optin.yaml:10: sites[0].controller.name must be on one line, without control characters"; err == nil || err.Error() != want {
				t.Errorf("%q: got %v", evil, err)
			}
		case err != nil:
			t.Errorf("%q: %v", evil, err)
		case c.Sites[0].Controller.Name != evil || c.Listen != DefaultListen:
			t.Errorf("%q: got %q", evil, c.Sites[0].Controller.Name)
		}
	}
}

func TestAVariableInACommentNeedNotBeSet(t *testing.T) {
	if _, err := Parse("optin.yaml", []byte("# ${NOT_SET}\n"+minimal+"# ${NEITHER} ${\n"), variables, nil); err != nil {
		t.Error(err)
	}
}
