package bench

import (
	"fmt"
	"html"
	"strings"
)

// chart is a chart of horizontal bars. A bar may have a mark, such as its floor or its target.
type chart struct {
	title string
	mark  string // what the marks are
	bars  []bar
}

type bar struct {
	label string
	value float64
	unit  string
	mark  float64 // 0: none
}

// charts returns the charts of what was measured, by the names of their files.
func (r *report) charts() map[string]chart {
	all := map[string]chart{
		"signups": r.chart("Signups accepted per second, while emails wait", "the floor",
			"signups accepted, emails wait, c=", func(f *figure) float64 { return f.Least }),
		"processor": r.chart("Processor time of a signup with its email", "three times the floor: the target",
			"signup with its email, processor time, c=16", func(f *figure) float64 { return 3 * f.Least }),
		"emails": r.chart("Emails of a backlog per second", "twice go-mail's Send: the target", "emails of a backlog",
			func(f *figure) float64 { return 2 * f.Least }),
		"latency": r.chart("Responses to signups while emails leave: 99 in 100 within", "",
			"signup while emails leave, 99 in 100 within", func(*figure) float64 { return 0 }),
		"bytes": r.chart("Bytes of a pending person", "", "bytes of a pending person",
			func(*figure) float64 { return 0 }),
	}
	for name, c := range all {
		if len(c.bars) == 0 {
			delete(all, name)
		}
	}
	return all
}

// chart returns a chart of the figures whose names begin with a text.
func (r *report) chart(title, mark, name string, markOf func(*figure) float64) chart {
	c := chart{title: title, mark: mark}
	for _, f := range r.Figures {
		if rest, ok := strings.CutPrefix(f.Name, name); ok {
			if strings.HasSuffix(name, "c=") {
				rest = ", c=" + rest
			}
			c.bars = append(c.bars, bar{label: f.Store + rest, value: f.Value, unit: f.Unit, mark: markOf(f)})
		}
	}
	return c
}

// Sizes of a chart in pixels.
const (
	chartWidth = 760
	barsFrom   = 250 // the labels are left of it
	barsWide   = 400 // the values are right of it
	barHeight  = 26
)

// svg draws the chart. Its colours can be read on white and on black, as the pages that show it may be either.
func (c chart) svg() string {
	longest := 0.0
	for _, b := range c.bars {
		longest = max(longest, b.value, b.mark)
	}
	height := 60 + barHeight*len(c.bars)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="13" fill="#777" role="img">`+"\n<title>%s</title>\n", chartWidth, height, html.EscapeString(c.title))
	fmt.Fprintf(&out, `<text x="0" y="18" font-size="15">%s</text>`+"\n", html.EscapeString(c.title))
	for i, b := range c.bars {
		y, width := 34+barHeight*i, b.value/longest*barsWide
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barsFrom-8, y+14, html.EscapeString(b.label))
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.1f" height="18" fill="#c0673f"/>`+"\n", barsFrom, y, width)
		right := width
		if b.mark > 0 {
			at := b.mark / longest * barsWide
			right = max(right, at)
			fmt.Fprintf(&out, `<rect x="%.1f" y="%d" width="3" height="22" fill="#3f7fc0"/>`+"\n", barsFrom+at-1.5, y-2)
		}
		fmt.Fprintf(&out, `<text x="%.1f" y="%d">%s %s</text>`+"\n", barsFrom+right+8, y+14, digits(b.value), b.unit)
	}
	if c.mark != "" {
		y := height - 8
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="3" height="14" fill="#3f7fc0"/><text x="%d" y="%d">%s</text>`+"\n",
			barsFrom, y-12, barsFrom+10, y, html.EscapeString(c.mark))
	}
	return out.String() + "</svg>\n"
}
