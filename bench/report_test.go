package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// report collects figures in the order in which they came.
type report struct {
	Machine string    `json:"machine"`
	Commit  string    `json:"commit"`
	Began   time.Time `json:"began"`
	Figures []*figure `json:"figures"`
}

// figure is one number that was measured, with the floor that it is compared to.
type figure struct {
	Store  string    `json:"store,omitempty"`
	Name   string    `json:"name"`
	Unit   string    `json:"unit,omitempty"`
	Value  float64   `json:"value"`            // the median of the rounds
	Floor  string    `json:"floor,omitempty"`  // what it is compared to
	Least  float64   `json:"least,omitempty"`  // of the floor, the median
	Ratio  float64   `json:"ratio,omitempty"`  // the median of the rounds' ratios
	Target string    `json:"target,omitempty"` // of the ratio or, without a floor, of the value
	Missed bool      `json:"missed,omitempty"` // it did not reach its target
	Rounds []float64 `json:"rounds,omitempty"` // the values

	least, ratios []float64
}

func (r *report) figure(store, name string) *figure {
	for _, f := range r.Figures {
		if f.Store == store && f.Name == name {
			return f
		}
	}
	f := &figure{Store: store, Name: name}
	r.Figures = append(r.Figures, f)
	return f
}

// add notes what one round measured.
func (r *report) add(store, name, unit string, value float64) *figure {
	f := r.figure(store, name)
	f.Unit, f.Rounds = unit, append(f.Rounds, value)
	f.Value = median(f.Rounds)
	return f
}

// against notes what one round measured of a thing and of its floor.
func (r *report) against(store, name, unit string, value float64, floor string, least float64) *figure {
	f := r.add(store, name, unit, value)
	f.Floor, f.least, f.ratios = floor, append(f.least, least), append(f.ratios, value/least)
	f.Least, f.Ratio = median(f.least), median(f.ratios)
	return f
}

// atLeast and atMost set the target of a figure.
func (f *figure) atLeast(n float64) { f.Target, f.Missed = fmt.Sprintf(">= %g", n), f.judged() < n }
func (f *figure) atMost(n float64)  { f.Target, f.Missed = fmt.Sprintf("<= %g", n), f.judged() > n }

func (f *figure) judged() float64 {
	if f.Floor != "" {
		return f.Ratio
	}
	return f.Value
}

// median returns the middle one of some figures.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// print writes all figures as a table, and then those that have a target.
func (r *report) print(w io.Writer) error {
	var b strings.Builder
	store := "none"
	for _, f := range r.Figures {
		if f.Store != store {
			store = f.Store
			fmt.Fprintf(&b, "\n%s\n", store)
		}
		f.print(&b, f.Name)
	}
	fmt.Fprintf(&b, "\nTargets\n")
	for _, f := range r.Figures {
		if f.Target != "" {
			f.print(&b, strings.TrimPrefix(f.Store+": "+f.Name, ": "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *figure) print(b *strings.Builder, name string) {
	line := fmt.Sprintf("  %-66s %9s %-3s", name, digits(f.Value), f.Unit)
	if f.Floor != "" {
		line += fmt.Sprintf(" %6s times %9s of %s", digits(f.Ratio), digits(f.Least), f.Floor)
	}
	if f.Target != "" {
		line += fmt.Sprintf(" (target %s%s)", f.Target, map[bool]string{true: ": missed"}[f.Missed])
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// digits returns a number with about three digits.
func digits(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// save writes the figures and their charts into a folder.
func (r *report) save(dir string) error {
	commit, _ := exec.Command("git", "describe", "--always", "--dirty").Output() // outside a checkout there is none
	r.Commit = strings.TrimSpace(string(commit))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	figures, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	files := map[string]string{"figures.json": string(figures) + "\n", "figures.md": r.markdown()}
	for name, c := range r.charts() {
		files[name+".svg"] = c.svg()
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// markdown returns all figures as a document: those that have a target first.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Figures of one run\n\nWritten by `make bench` on %s at %s.\n\n- %s\n",
		r.Began.Format(time.DateOnly), r.Commit, r.Machine)
	title := func(name string) {
		fmt.Fprintf(&b, "\n## %s\n\n| | | ratio | to | target |\n|---|---|---|---|---|\n", name)
	}
	title("Targets")
	for _, f := range r.Figures {
		if f.Target != "" {
			f.row(&b, strings.TrimPrefix(f.Store+": "+f.Name, ": "))
		}
	}
	store := ""
	for _, f := range r.Figures {
		if f.Store != "" && f.Store != store {
			store = f.Store
			title(store)
		}
		if f.Store != "" {
			f.row(&b, f.Name)
		}
	}
	return b.String()
}

// row writes the row of a figure in a table of Markdown.
func (f *figure) row(b *strings.Builder, name string) {
	ratio, floor := "", ""
	if f.Floor != "" {
		ratio, floor = digits(f.Ratio), f.Floor+": "+digits(f.Least)
	}
	target := f.Target
	if f.Missed {
		target += ", missed"
	}
	value := strings.TrimSpace(digits(f.Value) + " " + f.Unit)
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, value, ratio, floor, target)
}

// measureBinary weighs the program.
func measureBinary(t testing.TB, r *report) {
	t.Helper()
	path, err := binary()
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	r.add("", "the program", "MB", float64(info.Size())/(1<<20)).atMost(25)
}
