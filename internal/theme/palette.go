package theme

// palette is the pages' variables of colour.
type palette struct {
	ground, paper, ink, soft, line, edge, accent, accentHover, onAccent, wash, wrong Colour
}

// dark tells whether the site's own background is one on which light text is read.
func (t Theme) isDark() bool {
	return Contrast(t.Background, white()) > Contrast(t.Background, black())
}

func white() Colour { return Colour{0xff, 0xff, 0xff} }
func black() Colour { return Colour{} }

// day is the palette of the site's own colours. The paper is the background, a little away from the text: whatever can be read on
// the one can be read on the other.
func (t Theme) lightPalette() palette {
	away := black()
	if Contrast(t.Text, white()) > Contrast(t.Text, black()) {
		away = white()
	}
	p := palette{ground: t.Background, paper: t.Background, ink: t.Text, accent: t.Accent}
	if lighter := t.Background.mix(away, 0.6); t.Accent.hasContrast(MinTextContrast, lighter) && t.Text.hasContrast(MinTextContrast, lighter) {
		p.paper = lighter
	}
	p.onAccent = p.paper
	return p.derive(Colour{0xa1, 0x23, 0x1d})
}

// night is the palette for who asks for dark pages.
func (t Theme) darkPalette() palette {
	p := palette{
		ground: Colour{0x13, 0x12, 0x12}.mix(t.Accent, 0.05), paper: Colour{0x1d, 0x1b, 0x1b}.mix(t.Accent, 0.06),
		ink: Colour{0xf1, 0xee, 0xea},
	}
	p.accent = t.Accent.mixUntil(white(), 6, p.ground, p.paper)
	p.onAccent = p.ground
	return p.derive(Colour{0xff, 0x9d, 0x92})
}

// derive fills in what follows from ground, paper, ink, accent and the label on it; wrong is the red to start from.
func (p palette) derive(wrong Colour) palette {
	p.wash = p.paper
	for _, share := range []float64{0.1, 0.07, 0.04, 0.02} {
		if w := p.paper.mix(p.accent, share); p.ink.hasContrast(MinTextContrast, w) && p.accent.hasContrast(MinTextContrast, w) {
			p.wash = w
			break
		}
	}
	grounds := []Colour{p.ground, p.paper, p.wash}
	p.soft = p.ink.mix(p.paper, 0.3).mixUntil(p.ink, MinTextContrast, grounds...)
	p.wrong = wrong.mixUntil(p.ink, MinTextContrast, grounds...)
	p.line = p.paper.mix(p.ink, 0.16)
	p.edge = p.paper.mix(p.ink, 0.4).mixUntil(p.ink, MinEdgeContrast, p.paper)
	p.accentHover = p.accent
	for _, share := range []float64{0.25, 0.15, 0.08} {
		if c := p.accent.mix(p.ink, share); p.onAccent.hasContrast(MinTextContrast, c) {
			p.accentHover = c
			break
		}
	}
	return p
}
