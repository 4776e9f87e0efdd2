package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// columns is how wide text for people is where nobody says how wide the terminal is.
const columns = 80

// terminal returns w as a terminal; nil if it is none.
func terminal(w any) *os.File {
	if file, is := w.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// fold breaks lines that are wider than a width at their spaces. What follows begins below the first word.
func fold(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		for rest := []rune(strings.TrimSuffix(words, "\n")); ; {
			room := max(20, width-len(indent))
			at := room
			for at > 0 && len(rest) > room && rest[at] != ' ' {
				at--
			}
			if len(rest) <= room || at == 0 {
				b.WriteString(indent + string(rest))
				break
			}
			b.WriteString(indent + string(rest[:at]) + "\n")
			rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
		}
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// hanging folds text whose first line begins with a mark; the others begin below what follows the mark.
func hanging(mark, text string, width int) string {
	return mark + fold(strings.Repeat(" ", len(mark))+text, width)[len(mark):]
}

// span writes about how long something takes or took, in its largest unit: 45s, 90m, 30h, 3d.
func span(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	}
	return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
}

// age is span since a time; - if that is not known.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return span(time.Since(at))
}

// keyByKey has the terminal pass on every key at once, Ctrl-C too, and returns what undoes that.
func keyByKey(keyboard *os.File) (undo func()) {
	was, err := term.MakeRaw(int(keyboard.Fd()))
	if err != nil {
		return func() {} // then a key needs a return behind it
	}
	return func() { _ = term.Restore(int(keyboard.Fd()), was) }
}

// screen is a terminal that is drawn again and again, apart from what stands on it, which it leaves as it was.
type screen struct{ to *os.File }

// What a terminal is told (ECMA-48, and xterm for its other screen).
const (
	otherScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // without a cursor; what is too long is cut off
	firstScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

func newScreen(to *os.File) screen {
	_, _ = io.WriteString(to, otherScreen)
	return screen{to}
}

func (s screen) close() { _, _ = io.WriteString(s.to, firstScreen) }

// draw shows what text makes of a width, and a line below it. What does not fit is left out, and that is said.
func (s screen) draw(text func(width int) string, last string) error {
	width, height, err := term.GetSize(int(s.to.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = columns, 24
	}
	lines := strings.Split(text(width), "\n")
	if most := max(1, height-2); len(lines) > most {
		left := fmt.Sprintf("(%d more lines: make the terminal higher)", len(lines)-most+1)
		lines = append(lines[:most-1], left)
	}
	lines = append(lines, "", last)
	_, err = io.WriteString(s.to, home+strings.Join(lines, clearLine+"\r\n")+clearLine+clearRest)
	return err
}
