package theme

import "math"

// MaxEmailLogo is the most bytes of a picture in an email.
const MaxEmailLogo = 4 << 10

// Email is how a site's emails look. Text and background are left to the mail program, so that both are right in its
// light and its dark mode; the accent fills the button and marks what is agreed to.
type Email struct {
	Light, Dark   Button
	Radius        int
	Heading, Body string // font stacks in the notation of a style attribute
	Logo          *Logo  // nil: the site's name is written
}

// Button is the colours of a button: its label has 4.5:1 on the accent, also where a mail program inverts both.
type Button struct{ Accent, Label Colour }

// The font stacks of emails, of fonts that mail programs have.
const (
	emailSerif = `Georgia,Times New Roman,serif`
	emailSans  = `-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif`
)

// Email returns how the emails of a site look.
func (t Theme) Email() Email {
	e := Email{
		Light: newButton(t.Accent, black()), Radius: t.Radius, Heading: emailSerif, Body: emailSans, Logo: t.EmailLogo,
		Dark: newButton(t.Accent.mixUntil(white(), 4.5, Colour{0x1d, 0x1b, 0x1b}), white()),
	}
	switch t.Font {
	case System:
		e.Heading = emailSans
	case Serif:
		e.Body = emailSerif
	}
	return e
}

// newButton returns a button whose accent is mixed with another colour as little as it takes.
func newButton(accent, with Colour) Button {
	for step := range 51 {
		b := Button{Accent: accent.mix(with, float64(step)/50)}
		for _, b.Label = range []Colour{white(), black()} {
			if Contrast(b.Accent, b.Label) >= MinTextContrast &&
				Contrast(b.Accent.Inverted(), b.Label.Inverted()) >= MinTextContrast {
				return b
			}
		}
	}
	return Button{Accent: black(), Label: white()}
}

// Inverted returns the colour as a mail program that makes its own dark mode shows it: of the same hue, as light as it
// was dark (HSL).
func (c Colour) Inverted() Colour {
	most, least := max(c.R, c.G, c.B), min(c.R, c.G, c.B)
	shift := 255 - int(most) - int(least) // L becomes 1-L when each channel moves by as much
	move := func(v uint8) uint8 { return uint8(math.Max(0, math.Min(255, float64(int(v)+shift)))) }
	return Colour{move(c.R), move(c.G), move(c.B)}
}
