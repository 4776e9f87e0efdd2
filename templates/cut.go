package templates

import "strings"

// cut is a text with holes: behind pieces[i] comes the word holes[i]. There is one piece more than there are holes.
type cut struct {
	pieces []string
	holes  []int
}

// cutAt makes a hole of every mark.
func cutAt(text string, marks []string) cut {
	var c cut
	for {
		at, hole := len(text), -1
		for i, mark := range marks {
			if j := strings.Index(text[:min(len(text), at+len(mark))], mark); j >= 0 && j < at {
				at, hole = j, i
			}
		}
		c.pieces = append(c.pieces, text[:at])
		if hole < 0 {
			return c
		}
		c.holes = append(c.holes, hole)
		text = text[at+len(marks[hole]):]
	}
}

func (c cut) size(words []string) int {
	n := len(c.pieces[0])
	for i, hole := range c.holes {
		n += len(words[hole]) + len(c.pieces[i+1])
	}
	return n
}

func (c cut) fill(b *strings.Builder, words []string) {
	b.WriteString(c.pieces[0])
	for i, hole := range c.holes {
		b.WriteString(words[hole])
		b.WriteString(c.pieces[i+1])
	}
}

func (c cut) wrap(b *strings.Builder, words []string) {
	var one strings.Builder
	one.Grow(c.size(words))
	c.fill(&one, words)
	wrapLine(b, one.String())
}
