// Package theme derives the style sheet of one site's pages from a few choices of the site.
//
// A site chooses an accent, a background and a text colour, how round corners are, a kind of font, and a logo.
// Everything else is derived, so that a theme that passes Check is readable everywhere (WCAG 2.2, 1.4.3 and 1.4.11):
//
//   - Text, and the accent as the colour of links, have a contrast of 4.5:1 or more on the background. So has a
//     button's label, which has the colour of the background. Otherwise Check returns an error that names the ratio.
//   - Softer text, error messages and hovered buttons have 4.5:1 or more on every background that they appear on. Edges
//     have 3:1.
//   - In dark mode the background is dark with a trace of the accent, and the accent is lightened until it is readable
//     there. A site whose background is dark already looks the same in both modes.
//
// The sheet sets the variables of the pages' own sheet, optin.css, and must be loaded after it.
package theme

import (
	"fmt"
	"strings"
)

// MinTextContrast and MinEdgeContrast are the least ratios of text, and of the edge of a field, to what is behind them
// (WCAG 2.2, 1.4.3 and 1.4.11).
const (
	MinTextContrast = 4.5
	MinEdgeContrast = 3.0
)

// Font is a kind of font. No font is ever loaded.
type Font string

// The fonts. The zero Font is the pages' own mixture: the site's texts in serif, ours in sans-serif.
const (
	System Font = "system"
	Serif  Font = "serif"
)

// MaxRadius is the largest radius of corners, in CSS pixels.
const MaxRadius = 24

// Theme is what a site chose, and the values of Default where it chose nothing.
type Theme struct {
	Accent, Background, Text Colour
	Radius                   int // of buttons and fields, in CSS pixels, 0 to MaxRadius; other corners follow from it
	Font                     Font
	Logo                     *Logo // nil: the site's name is written
	EmailLogo                *Logo // the same in emails, at most MaxEmailLogo
}

// Logo is a picture. optin serves it itself, because pages load nothing from elsewhere.
type Logo struct {
	Bytes []byte
	Media string // image/png, image/jpeg, image/webp or image/svg+xml
}

// Default returns the theme of a site that chose nothing.
func Default() Theme {
	return Theme{
		Accent:     Colour{0x8c, 0x3a, 0x1f},
		Background: Colour{0xf6, 0xf0, 0xe7},
		Text:       Colour{0x2a, 0x24, 0x20},
		Radius:     10,
	}
}

// Check returns an error that names the colours that cannot be read on the background.
func (t Theme) Check() error {
	var wrong []string
	for _, c := range []struct {
		name string
		of   Colour
	}{{"text", t.Text}, {"accent", t.Accent}} {
		if ratio := Contrast(c.of, t.Background); ratio < MinTextContrast {
			wrong = append(wrong, fmt.Sprintf("%s on background has a contrast of %.2f:1", c.name, truncate(ratio)))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s; make it %.1f:1 or more (WCAG 2.2, 1.4.3)",
			strings.Join(wrong, ", and "), MinTextContrast)
	}
	return nil
}

// truncate cuts a ratio to two digits, so that 4.499 is not reported as 4.50.
func truncate(ratio float64) float64 { return float64(int(ratio*100)) / 100 }
