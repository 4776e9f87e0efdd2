package main

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writes keeps what was written, each time by itself.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

// words returns what the lines of each write say.
func (w *writes) words() (all []string) {
	for _, one := range *w {
		var words []string
		for line := range strings.Lines(one) {
			_, after, _ := strings.Cut(line, `"msg":"`)
			word, _, _ := strings.Cut(after, `"`)
			words = append(words, word)
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

func TestLinesOfTheLogAreGathered(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(log *slog.Logger, flush func())
		want []string // what is written at a time
	}{
		"a line alone does not wait": {
			func(log *slog.Logger, _ func()) {
				log.Info("a")
				time.Sleep(gatherFor)
				log.Info("b")
			}, []string{"a", "b"},
		},
		"those that follow wait, no longer than they may": {
			func(log *slog.Logger, _ func()) {
				log.Info("a")
				log.Info("b")
				time.Sleep(gatherFor - time.Nanosecond)
				log.Info("c")
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				log.Info("d")
				time.Sleep(gatherFor)
				synctest.Wait()
			}, []string{"a", "b c", "d"},
		},
		"a warning does not wait, nor what came before it": {
			func(log *slog.Logger, _ func()) {
				log.Info("a")
				log.Info("b")
				log.With("of", "a handler made of another").Warn("c")
				log.WithGroup("of").Error("d")
			}, []string{"a", "b c", "d"},
		},
		"the end does not wait": {
			func(log *slog.Logger, flush func()) {
				log.Info("a")
				log.Info("b")
				flush()
				flush()
			}, []string{"a", "b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got writes
				log, lines := newLog(&got)
				c.do(log, lines.flush)
				if words := got.words(); !slices.Equal(words, c.want) {
					t.Errorf("%q was written, want %q", words, c.want)
				}
			})
		})
	}
}

func TestManyLinesOfTheLogDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got writes
		log, _ := newLog(&got)
		log.Info("first")
		for len(got) == 1 {
			log.Info(strings.Repeat("x", 1000))
		}
		if size := len(got[1]); size < gatherSize || size > gatherSize+2000 {
			t.Errorf("%d bytes were written at once, want %d", size, gatherSize)
		}
	})
}
