package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	gatherFor  = 10 * time.Millisecond // how long a line waits at most for others that are written with it
	gatherSize = 64 << 10              // bytes that are written at once, whatever has passed
)

// newLog returns the log of the service, in lines of JSON, and what writes them. There is a line
// for every request and email, and to write each by itself would be a system call each. So a line is written at once
// only if none was written just before; those that follow are gathered and written together. A warning or an error is
// always written at once, and what came before it with it. A process that is killed loses the lines that wait, which no
// promise is made of.
func newLog(to io.Writer) (*slog.Logger, *gatherer) {
	lines := &gatherer{to: to, lost: func(int) {}}
	return slog.New(urgently{slog.NewJSONHandler(lines, nil), lines}), lines
}

// gatherer writes lines together.
type gatherer struct {
	mu      sync.Mutex
	to      io.Writer
	lines   []byte
	written time.Time // when lines were last written
	waiting bool      // somebody will flush
	lost    func(n int)
}

// count has each number of lines that cannot be written counted from now on.
func (g *gatherer) count(lost func(n int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lost = lost
}

// Write takes lines. It always succeeds: nobody could be told where the log cannot be written.
func (g *gatherer) Write(lines []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, lines...)
	if wait := gatherFor - time.Since(g.written); wait <= 0 || len(g.lines) >= gatherSize {
		g.write()
	} else if !g.waiting {
		g.waiting = true
		time.AfterFunc(wait, g.flush)
	}
	return len(lines), nil
}

// flush writes the lines that wait.
func (g *gatherer) flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = false
	g.write()
}

func (g *gatherer) write() {
	if len(g.lines) > 0 {
		if n, err := g.to.Write(g.lines); err != nil {
			g.lost(bytes.Count(g.lines[n:], []byte("\n")))
		}
		g.lines, g.written = g.lines[:0], time.Now()
	}
}

// urgently is a handler whose warnings and errors do not wait.
type urgently struct {
	slog.Handler
	lines *gatherer
}

func (h urgently) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.lines.flush()
	}
	return err
}

func (h urgently) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgently{h.Handler.WithAttrs(attrs), h.lines}
}

func (h urgently) WithGroup(name string) slog.Handler {
	return urgently{h.Handler.WithGroup(name), h.lines}
}
