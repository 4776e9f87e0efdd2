package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressFitsALine(t *testing.T) {
	for want, line := range map[string]string{
		"exporting: 12": progressLine("exporting", 12, 0, time.Minute),
		"restoring [############............] 5 of 10, 1m0s left": progressLine("restoring", 5, 10, time.Minute),
		"erasing [........................] 0 of 3":               progressLine("erasing", 0, 3, time.Minute),
		"erasing [########################] 3 of 3":               progressLine("erasing", 3, 3, time.Millisecond),
	} {
		if line != want {
			t.Errorf("%q, want %q", line, want)
		}
	}
	if n := len(progressLine("verifying the log", 9_999_999, 10_000_000, 9*time.Hour)); n > 79 {
		t.Errorf("%d columns", n)
	}
}

// What is no terminal, such as a file or a pipe, gets no progress; a terminal gets one line, which is gone at the end.
func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	p := progressOn(&b)
	p.show("erasing", 1, 2)
	p.end()
	if b.Len() > 0 {
		t.Errorf("%q", b.String())
	}
	p = &progress{w: &b}
	for i := range int64(1000) {
		p.show("erasing", i, 1000)
	}
	p.end()
	if text := b.String(); strings.Count(text, "\r") > 20 || strings.Contains(text, "\n") ||
		!strings.HasPrefix(text, "\rerasing [") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("%q", text)
	}
}
