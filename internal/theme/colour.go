package theme

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Colour is an opaque colour of sRGB.
type Colour struct{ R, G, B uint8 }

// ParseColour reads #rrggbb or #rgb, in any case; nothing else that CSS would take.
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

// String is the colour as CSS has it.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Contrast is the ratio of two colours, 1 to 21, whichever is in front (WCAG 2.2, "contrast ratio").
func Contrast(a, b Colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the relative luminance, 0 to 1 (WCAG 2.2).
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

// mix is c with a share of another colour, 0 to 1.
func (c Colour) mix(other Colour, share float64) Colour {
	blend := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return Colour{blend(c.R, other.R), blend(c.G, other.G), blend(c.B, other.B)}
}

// towards goes from c towards an end, only as far as it must to have the ratio on every ground; at worst it is the end.
func (c Colour) mixUntil(end Colour, ratio float64, grounds ...Colour) Colour {
	for step := range 50 {
		if m := c.mix(end, float64(step)/50); m.hasContrast(ratio, grounds...) {
			return m
		}
	}
	return end
}

// on tells whether a colour has a ratio on every ground.
func (c Colour) hasContrast(ratio float64, grounds ...Colour) bool {
	for _, g := range grounds {
		if Contrast(c, g) < ratio {
			return false
		}
	}
	return true
}
