package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows on a terminal how far something that takes long has come, in one line that it writes again and again.
// A nil progress shows nothing: what is no terminal gets none.
type progress struct {
	w       io.Writer
	began   time.Time
	written time.Time // the last line; zero: there is none
	what    string
}

// progressEvery is how often the line changes.
const progressEvery = 100 * time.Millisecond

// progressOn returns a progress on w; nil if that is no terminal.
func progressOn(w io.Writer) *progress {
	if terminal(w) == nil {
		return nil
	}
	return &progress{w: w}
}

// show says what is done, how much of it there is, and of how much; of 0: nobody knows.
func (p *progress) show(what string, done, of int64) {
	if p == nil {
		return
	}
	now := time.Now()
	if what != p.what {
		p.what, p.began, p.written = what, now, time.Time{}
	}
	if now.Sub(p.written) < progressEvery {
		return
	}
	p.written = now
	fmt.Fprintf(p.w, "\r%s\x1b[K", progressLine(what, done, of, now.Sub(p.began)))
}

// end removes the line.
func (p *progress) end() {
	if p != nil && p.what != "" {
		p.what = ""
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// progressLine is at most 79 columns wide.
func progressLine(what string, done, of int64, took time.Duration) string {
	if of <= 0 {
		return fmt.Sprintf("%s: %d", what, done)
	}
	const width = 24
	full := int(min(done, of) * width / of)
	bar := strings.Repeat("#", full) + strings.Repeat(".", width-full)
	line := fmt.Sprintf("%s [%s] %d of %d", what, bar, done, of)
	if left := time.Duration(float64(took) / float64(max(done, 1)) * float64(of-done)); took > time.Second && done > 0 {
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return line
}
