package metrics

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Source says which request, job or trace an observation was of, as lines of the log and spans name them. An empty
// field is not known.
type Source struct{ Request, Job, Trace string }

// labels returns a source as the labels of an exemplar. They are far below the 128 characters that OpenMetrics allows.
func (s Source) labels() string {
	var b strings.Builder
	for _, pair := range [][2]string{{"request", s.Request}, {"job", s.Job}, {"trace_id", s.Trace}} {
		if pair[1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pair[0] + `="`)
		_, _ = escape.WriteString(&b, pair[1]) // a Builder returns no error
		b.WriteByte('"')
	}
	return b.String()
}

// exemplar is one observation of a bucket.
type exemplar struct {
	of    Source
	value float64
	at    time.Time
}

// write writes an exemplar as OpenMetrics has it behind the value of its bucket.
func (e exemplar) write(b *strings.Builder) {
	b.WriteString(" # {" + e.of.labels() + "} ")
	b.WriteString(strconv.FormatFloat(e.value, 'g', -1, 64))
	b.WriteByte(' ')
	b.WriteString(strconv.FormatFloat(float64(e.at.UnixMilli())/1000, 'f', 3, 64))
}

// exemplars holds the last observation of each bucket of the histograms, by series.
type exemplars struct {
	mu sync.Mutex
	of map[string][]exemplar // by bucket; the last one is that of +Inf
}

// note keeps an observation, if its source is known.
func (x *exemplars) note(series string, bounds []float64, value float64, of Source) {
	if of == (Source{}) {
		return
	}
	bucket := 0
	for bucket < len(bounds) && value > bounds[bucket] {
		bucket++
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil {
		x.of = map[string][]exemplar{}
	}
	all := x.of[series]
	if all == nil {
		all = make([]exemplar, len(bounds)+1)
		x.of[series] = all
	}
	all[bucket] = exemplar{of, value, time.Now()}
}

// find returns the exemplar of a bucket, which is the n-th of its series.
func (x *exemplars) find(series string, n int) (exemplar, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.of[series]
	if n >= len(all) || all[n].at.IsZero() {
		return exemplar{}, false
	}
	return all[n], true
}
