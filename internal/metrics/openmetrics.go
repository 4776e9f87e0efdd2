package metrics

import (
	"mime"
	"strconv"
	"strings"
)

// openMetricsType is the media type of OpenMetrics 1.0, which has exemplars.
const openMetricsType = "application/openmetrics-text"

// wantsOpenMetrics reports whether an Accept header prefers OpenMetrics 1.0 to the text format.
func wantsOpenMetrics(accept string) bool {
	open, text := 0.0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, given := params["q"]; given {
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		switch version := params["version"]; {
		case media == openMetricsType && (version == "" || version == "1.0.0"):
			open = max(open, q)
		case media == "text/plain":
			text = max(text, q)
		}
	}
	return open > 0 && open >= text
}

// openMetrics returns what is in the text format as OpenMetrics 1.0 has it: the family of a counter is named without
// _total, bounds are numbers with a point, labels have no space between them, and buckets have their exemplars.
func (m *Metrics) openMetrics(text string) string {
	var b strings.Builder
	families, bucket := familiesOf(text), 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, is, _ := strings.Cut(name, " ")
			b.WriteString("# TYPE " + families.describe(name, is) + "\n")
			continue
		}
		if line == "" || line[0] == '#' {
			continue // a help without a text
		}
		at := strings.LastIndexByte(line, ' ')
		series, of, bound := cutBound(withoutSpaces(line[:at]))
		b.WriteString(series + line[at:])
		if bound == "" {
			bucket = 0
		} else {
			if e, ok := m.exemplars.find(of, bucket); ok {
				e.write(&b)
			}
			bucket++
		}
		b.WriteByte('\n')
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// families are the types of all metrics, by name.
type families map[string]string

func familiesOf(text string) families {
	all := families{}
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, is, _ := strings.Cut(strings.TrimSpace(name), " ")
			all[name] = is
		}
	}
	return all
}

// describe returns the name and the type of a family. A counter that is not called _total, or whose name without that
// is another family's, is of an unknown type for OpenMetrics.
func (f families) describe(name, is string) string {
	if is == "untyped" {
		return name + " unknown"
	}
	if is != "counter" {
		return name + " " + is
	}
	family, total := strings.CutSuffix(name, "_total")
	if _, taken := f[family]; taken || !total {
		return name + " unknown"
	}
	return family + " counter"
}

// withoutSpaces returns a series without spaces between its labels, as the runtime's go_info_ext has them.
func withoutSpaces(series string) string {
	if !strings.Contains(series, `", `) {
		return series
	}
	var b strings.Builder
	quoted, escaped := false, false
	for _, r := range series {
		if r != ' ' || quoted {
			b.WriteRune(r)
		}
		quoted, escaped = quoted != (r == '"' && !escaped), r == '\\' && !escaped
	}
	return b.String()
}

// cutBound returns a series with its bound or quantile as a number with a point. Of a bucket it also returns the series
// of the histogram, and the bound; of anything else these are empty.
func cutBound(series string) (canonical, of, bound string) {
	for _, label := range []string{`le="`, `quantile="`} {
		at := strings.LastIndex(series, label)
		if at < 0 || series[at-1] != '{' && series[at-1] != ',' {
			continue
		}
		before, number := series[:at], strings.TrimSuffix(series[at+len(label):], `"}`)
		point := number
		if !strings.ContainsAny(number, ".eI") { // +Inf has none
			point += ".0"
		}
		canonical = before + label + point + `"}`
		if name, labels, _ := strings.Cut(before, "_bucket{"); label == `le="` {
			if labels = strings.TrimSuffix(labels, ","); labels != "" {
				labels = "{" + labels + "}"
			}
			return canonical, name + labels, number
		}
		return canonical, "", ""
	}
	return series, "", ""
}
