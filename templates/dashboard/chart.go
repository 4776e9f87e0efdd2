package dashboard

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"
)

// Chart is a chart of the dashboard: SVG that a page has within it as it is, so every text in it is escaped here. It
// stretches to whatever width there is, so the words beside it are the page's; it says what it shows in a title and a
// description. Colours are those of admin.css, in light and dark, and lines differ in more than colour.
type Chart string

// The size of a line chart in its own units, with room for the thickness of lines.
const (
	chartWidth  = 1000
	chartHeight = 200
	chartInset  = 4
)

// LineChart draws two lines over the same steps, the second one dashed. It has room for at least one.
func LineChart(id, title, description string, first, second []int64) Chart {
	most := int64(1)
	for i := range first {
		most = max(most, first[i], second[i])
	}
	var b strings.Builder
	chartHead(&b, id, "line", chartWidth, chartHeight, title, description)
	for _, y := range []int{chartInset, chartHeight / 2, chartHeight - chartInset} {
		fmt.Fprintf(&b, `<path class="grid" d="M0 %dH%d"/>`, y, chartWidth)
	}
	area := points(first, most)
	fmt.Fprintf(&b, `<path class="area" d="M0 %[1]d L%[2]s L%[3]d %[1]dZ"/>`, chartHeight-chartInset, area, chartWidth)
	fmt.Fprintf(&b, `<path class="first" d="M%s"/><path class="second" d="M%s"/></svg>`, area, points(second, most))
	return Chart(b.String())
}

// chartHead begins a chart.
func chartHead(b *strings.Builder, id, class string, width, height int, title, description string) {
	fmt.Fprintf(b, `<svg class="chart %s" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img"`+
		` aria-labelledby="%[4]s-title" aria-describedby="%[4]s-text">`+
		`<title id="%[4]s-title">%[5]s</title><desc id="%[4]s-text">%[6]s</desc>`,
		class, width, height, id, templ.EscapeString(title), templ.EscapeString(description))
}

// points writes the points of a line; of one value alone, a level line.
func points(values []int64, most int64) string {
	if len(values) == 1 {
		values = []int64{values[0], values[0]}
	}
	var all []string
	for i, v := range values {
		y := chartHeight - chartInset - v*(chartHeight-2*chartInset)/most
		all = append(all, fmt.Sprintf("%d %d", i*chartWidth/max(1, len(values)-1), y))
	}
	return strings.Join(all, " L")
}

// HeatChart draws a week: a row for each day, a column for each hour, darker where there were more.
func HeatChart(id, title, description string, week [7][24]int64) Chart {
	const width, height, levels = 40, 20, 5
	most := int64(1)
	for _, day := range week {
		for _, n := range day {
			most = max(most, n)
		}
	}
	var b strings.Builder
	chartHead(&b, id, "heat", 24*width, 7*height, title, description)
	for day := range week {
		for hour, n := range week[day] {
			level := (n*levels + most - 1) / most
			fmt.Fprintf(&b, `<rect class="l%d" x="%d" y="%d" width="%d" height="%d"/>`,
				level, hour*width, day*height, width-2, height-2)
		}
	}
	b.WriteString("</svg>")
	return Chart(b.String())
}
