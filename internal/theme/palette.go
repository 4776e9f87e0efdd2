package theme

// palette is the values of the colour variables of optin.css.
type palette struct {
	ground, paper, ink, soft, line, edge, accent, accentHover, onAccent, wash, wrong Colour
}

// isDark reports whether white text is easier to read on the site's background than black text.
func (t Theme) isDark() bool {
	return Contrast(t.Background, white()) > Contrast(t.Background, black())
}

func white() Colour { return Colour{0xff, 0xff, 0xff} }
func black() Colour { return Colour{} }

// lightPalette returns the palette of the site's own colours. The paper is the background, moved a little away from the
// text colour if everything stays readable on it.
func (t Theme) lightPalette() palette {
	away := black()
	if Contrast(t.Text, white()) > Contrast(t.Text, black()) {
		away = white()
	}
	p := palette{ground: t.Background, paper: t.Background, ink: t.Text, accent: t.Accent}
	if lighter := t.Background.mix(away, 0.6); t.Accent.hasContrast(MinTextContrast, lighter) &&
		t.Text.hasContrast(MinTextContrast, lighter) {
		p.paper = lighter
	}
	p.onAccent = p.paper
	return p.derive(Colour{0xa1, 0x23, 0x1d})
}

// darkPalette returns the palette for readers who ask for dark pages.
func (t Theme) darkPalette() palette {
	p := palette{
		ground: Colour{0x13, 0x12, 0x12}.mix(t.Accent, 0.05), paper: Colour{0x1d, 0x1b, 0x1b}.mix(t.Accent, 0.06),
		ink: Colour{0xf1, 0xee, 0xea},
	}
	p.accent = t.Accent.mixUntil(white(), 6, p.ground, p.paper)
	p.onAccent = p.ground
	return p.derive(Colour{0xff, 0x9d, 0x92})
}

// derive fills in the colours that follow from ground, paper, ink, accent and onAccent. It starts from this red for
// error messages.
func (p palette) derive(wrong Colour) palette {
	p.wash = p.paper
	for _, share := range []float64{0.1, 0.07, 0.04, 0.02} {
		if w := p.paper.mix(p.accent, share); p.ink.hasContrast(MinTextContrast, w) &&
			p.accent.hasContrast(MinTextContrast, w) {
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
