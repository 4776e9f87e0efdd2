package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// promtool has promtool test rules that are written to a file, in the folder of the alerts.
func promtool(t *testing.T, file string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), childtest.Need(t, "promtool"), "test", "rules", file)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// alertNames returns the names of the alerts that are shipped, in order.
func alertNames(t *testing.T) (all []string) {
	t.Helper()
	rules := readShipped(t, "deploy/prometheus/alerts.yaml")
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestEveryAlertFiresAndStaysSilent(t *testing.T) {
	t.Parallel()
	cases := readShipped(t, "deploy/prometheus/alerts_test.yaml")
	for _, name := range alertNames(t) {
		for _, how := range []string{" fires: ", " is silent: "} {
			if !strings.Contains(cases, `- name: "`+name+how) {
				t.Errorf("alerts_test.yaml has no case in which %s%s", name, strings.TrimSuffix(how, ": "))
			}
		}
	}
	promtool(t, filepath.Join("..", "..", "deploy", "prometheus", "alerts_test.yaml"))
}

func TestEveryAlertLinksItsParagraphOfTheRunbook(t *testing.T) {
	rules, names := readShipped(t, "deploy/prometheus/alerts.yaml"), alertNames(t)
	var headings []string
	runbook := readShipped(t, "docs/runbook.md")
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(runbook, -1) {
		headings = append(headings, m[1])
	}
	if len(names) != 12 || !slices.Equal(headings, names) {
		t.Errorf("the alerts are\n%v\nand the runbook has\n%v", names, headings)
	}
	for rule := range strings.SplitSeq(rules, "- alert: ") {
		name, rest, _ := strings.Cut(rule, "\n")
		if link := "docs/runbook.md#" + strings.ToLower(name) + "\n"; rest != "" && slices.Contains(names, name) &&
			!strings.Contains(rest, link) {
			t.Errorf("%s does not link %s", name, link)
		}
	}
}

// dashboardQueries returns the queries of the dashboard, as Grafana sends them.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(readShipped(t, "deploy/grafana/optin.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$site", ".*")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, fill.Replace(target.Expr))
		}
	}
	return all
}

// The queries are those of Prometheus on what a running optin says: promtool evaluates them.
func TestEveryQueryOfTheDashboardFindsSomething(t *testing.T) {
	t.Parallel()
	childtest.Need(t, "promtool")
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	before, after := e.traffic()
	var w strings.Builder
	w.WriteString("evaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n")
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ') // the value of a label may have a space
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		series, now := line[:at], line[at+1:]
		was := value(before, series)
		if was == "" {
			was = "0" // what happens for the first time
		}
		name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		if labels != "" {
			labels += ","
		}
		fmt.Fprintf(&w, "      - series: '%s{%sjob=\"optin\",instance=\"a\"}'\n        values: '%s %sx9'\n",
			name, labels, was, now)
	}
	w.WriteString("    promql_expr_test:\n")
	queries := dashboardQueries(t)
	if len(queries) < 40 {
		t.Fatalf("the dashboard has %d queries", len(queries))
	}
	for _, q := range queries {
		// What is not a number is not equal to itself.
		expr, err := json.Marshal(fmt.Sprintf("count((%s) == (%s)) > bool 0", q, q))
		e.must(err)
		fmt.Fprintf(&w, "      - {expr: %s, eval_time: 4m, exp_samples: [{labels: '{}', value: 1}]}\n", expr)
	}
	file := filepath.Join(t.TempDir(), "queries.yaml")
	e.must(os.WriteFile(file, []byte(w.String()), 0o600))
	promtool(t, file)
	// And a rule about a metric that does not exist would be silent for ever.
	for _, name := range regexp.MustCompile(`optin_\w+`).FindAllString(
		readShipped(t, "deploy/prometheus/alerts.yaml"), -1) {
		if !strings.Contains(after, "\n"+name) {
			t.Errorf("an alert asks for %s, which is nowhere", name)
		}
	}
}
