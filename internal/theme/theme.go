// Package theme is the looks of one site's pages: a few choices of the site, and the style sheet that follows from them.
//
// A site chooses an accent, a background and a text colour, how round corners are, a kind of font, and a logo. Everything else is
// derived, so that a choice that Check takes is readable everywhere (WCAG 2.2, 1.4.3 and 1.4.11):
//
//   - Text, and the accent as the colour of links, have 4.5:1 or more on the background; so has a button's label, which is of
//     the background's colour. Check says no otherwise, and names the ratio.
//   - The softer text, what is wrong, what is hovered over: 4.5:1 or more on every ground on which they stand. Edges: 3:1.
//   - In the dark the background is dark with a trace of the accent, and the accent is lightened until it is readable there. A site
//     whose background is dark already looks the same day and night.
//
// The sheet sets the variables of the pages' own sheet, and is to be loaded after it.
package theme

import (
	"fmt"
	"strings"
)

// MinTextContrast and MinEdgeContrast are the least ratios of text, and of the edge of a field, to what is behind them (WCAG 2.2, 1.4.3 and 1.4.11).
const (
	MinTextContrast = 4.5
	MinEdgeContrast = 3.0
)

// Font is a kind of font; nothing is ever loaded for it.
type Font string

// The fonts. The zero Font is the pages' own mixture: the site's words in serif, ours without.
const (
	System Font = "system"
	Serif  Font = "serif"
)

// MaxRadius is the roundest corner, in CSS pixels.
const MaxRadius = 24

// Theme is what a site chose, or what Default gives where it chose nothing.
type Theme struct {
	Accent, Background, Text Colour
	Radius                   int // of buttons and fields, in CSS pixels, 0 to MaxRadius; others follow
	Font                     Font
	Logo                     *Logo // nil: the site's name is written
}

// Logo is a picture, served by optin itself: pages load nothing from elsewhere.
type Logo struct {
	Bytes []byte
	Media string // image/png, image/jpeg, image/webp or image/svg+xml
}

// Default is how pages look whose site chose nothing.
func Default() Theme {
	return Theme{Accent: Colour{0x8c, 0x3a, 0x1f}, Background: Colour{0xf6, 0xf0, 0xe7}, Text: Colour{0x2a, 0x24, 0x20}, Radius: 10}
}

// Check says which of the colours cannot be read on the background.
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
		return fmt.Errorf("%s; make it %.1f:1 or more (WCAG 2.2, 1.4.3)", strings.Join(wrong, ", and "), MinTextContrast)
	}
	return nil
}

// down cuts a ratio to two digits, so that 4.499 is not told as 4.50.
func truncate(ratio float64) float64 { return float64(int(ratio*100)) / 100 }
