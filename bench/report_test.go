package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// figure is one number that was measured, with the floor that it is compared to.
type figure struct {
	Section string
	Name    string
	Unit    string
	Value   float64 // the median of the rounds
	Floor   float64 // of the floor, the same
	Of      string  // what the floor is; empty: there is none
	Ratio   float64 // the median of the rounds' ratios
	Target  string  // as the issue states it; empty: none
	Met     bool

	values, floors, ratios []float64
}

// report collects figures in the order in which they first came.
type report struct {
	section string
	figures []*figure
}

func (r *report) at(name, unit string) *figure {
	for _, f := range r.figures {
		if f.Section == r.section && f.Name == name {
			return f
		}
	}
	f := &figure{Section: r.section, Name: name, Unit: unit}
	r.figures = append(r.figures, f)
	return f
}

// add notes what one round measured.
func (r *report) add(name, unit string, value float64) *figure {
	f := r.at(name, unit)
	f.values = append(f.values, value)
	f.Value = median(f.values)
	return f
}

// against notes what one round measured, of a thing and of its floor.
func (r *report) against(name, unit string, value float64, of string, floor float64) *figure {
	f := r.add(name, unit, value)
	f.Of = of
	f.floors, f.ratios = append(f.floors, floor), append(f.ratios, value/floor)
	f.Floor, f.Ratio = median(f.floors), median(f.ratios)
	return f
}

// atLeast and atMost state the target of a figure's ratio, or of its value if it has no floor.
func (f *figure) atLeast(n float64) { f.Target, f.Met = fmt.Sprintf(">= %g", n), f.measure() >= n }
func (f *figure) atMost(n float64)  { f.Target, f.Met = fmt.Sprintf("<= %g", n), f.measure() <= n }

func (f *figure) measure() float64 {
	if f.Of != "" {
		return f.Ratio
	}
	return f.Value
}

// median returns the middle one of some figures.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// write writes a table.
func (r *report) write(w io.Writer) {
	section := ""
	for _, f := range r.figures {
		if f.Section != section {
			section = f.Section
			fmt.Fprintf(w, "\n%s\n", section)
		}
		line := fmt.Sprintf("  %-58s %12s %-8s", f.Name, short(f.Value), f.Unit)
		if f.Of != "" {
			line += fmt.Sprintf(" %10s %-28s ratio %-7s", short(f.Floor), f.Of, short(f.Ratio))
		}
		if f.Target != "" {
			line += fmt.Sprintf(" target %s%s", f.Target, map[bool]string{true: ", met", false: ", missed"}[f.Met])
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// short prints a number with about three digits.
func short(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// progress prints what is being measured, since that takes minutes.
func progress(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf(format, args...)
}
