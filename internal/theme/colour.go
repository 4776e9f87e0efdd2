package theme

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Colour is an opaque sRGB colour.
type Colour struct{ R, G, B uint8 }

// ParseColour reads #rrggbb or #rgb, in upper or lower case. It accepts no other notation of CSS.
func ParseColour(s string) (Colour, error) {
	wrong := errors.New("must be a colour such as #8c3a1f, in quotes: # begins a comment in YAML")
	if len(s) == 4 {
		s = string([]byte{s[0], s[1], s[1], s[2], s[2], s[3], s[3]})
	}
	if len(s) != 7 || s[0] != '#' || s[1] == '+' || s[1] == '-' {
		return Colour{}, wrong
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return Colour{}, wrong
	}
	return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

// String returns the colour in the notation of CSS, #rrggbb.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Contrast returns the contrast ratio of two colours in either order, 1 to 21 (WCAG 2.2, "contrast ratio").
func Contrast(a, b Colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance returns the relative luminance, 0 to 1 (WCAG 2.2).
func (c Colour) luminance() float64 {
	linear := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// mix returns c mixed with a share of another colour, 0 to 1.
func (c Colour) mix(other Colour, share float64) Colour {
	blend := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return Colour{blend(c.R, other.R), blend(c.G, other.G), blend(c.B, other.B)}
}

// mixUntil mixes c with another colour, as little as it takes to have the ratio on every background. At worst it
// returns the other colour.
func (c Colour) mixUntil(other Colour, ratio float64, backgrounds ...Colour) Colour {
	for step := range 50 {
		if m := c.mix(other, float64(step)/50); m.hasContrast(ratio, backgrounds...) {
			return m
		}
	}
	return other
}

// hasContrast reports whether a colour has the ratio on every background.
func (c Colour) hasContrast(ratio float64, backgrounds ...Colour) bool {
	for _, b := range backgrounds {
		if Contrast(c, b) < ratio {
			return false
		}
	}
	return true
}
