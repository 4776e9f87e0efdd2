package theme

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestOnlyHexColoursAreColours(t *testing.T) {
	for text, want := range map[string]Colour{"#8c3a1f": {0x8c, 0x3a, 0x1f}, "#FFF": white(), "#000000": black(),
		"#a1C": {0xaa, 0x11, 0xcc}} {
		if got, err := ParseColour(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "#", "8c3a1f", "red", "#8c3a1", "#8c3a1f0", "#8c3a1g", "#+c3a1f", "#-1", "#1_2",
		"#0x11ff", "rgb(0,0,0)", "#fff;}", "#é1"} {
		if got, err := ParseColour(text); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
}

// The first ratios follow from the definition of WCAG; the others are widely published.
func TestContrastFollowsWCAG(t *testing.T) {
	for _, row := range []struct {
		a, b Colour
		want float64
	}{{white(), black(), 21}, {white(), white(), 1}, {Colour{0x77, 0x77, 0x77}, white(), 4.48},
		{Colour{0x76, 0x76, 0x76}, white(), 4.54}, {Colour{255, 0, 0}, white(), 4.00}} {
		if got := Contrast(row.a, row.b); math.Abs(got-row.want) > 0.005 || Contrast(row.b, row.a) != got {
			t.Errorf("%v on %v: %.3f, want %.2f", row.a, row.b, got, row.want)
		}
	}
}

func TestUnreadableColoursAreRefusedWithTheirRatio(t *testing.T) {
	d := Default()
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	d.Background, d.Text, d.Accent = white(), Colour{0x77, 0x77, 0x77}, Colour{255, 0, 0}
	err := d.Check()
	if err == nil || !strings.Contains(err.Error(), "text on background has a contrast of 4.47:1") ||
		!strings.Contains(err.Error(), "accent on background has a contrast of 3.99:1") {
		t.Errorf("said %v", err)
	}
}

// Every derived colour must have its contrast, for thousands of random themes that pass Check.
func TestEveryAcceptedThemeIsReadableInLightAndDark(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	colour := func() Colour { n := random.Uint32(); return Colour{uint8(n), uint8(n >> 8), uint8(n >> 16)} }
	accepted, dark := 0, 0
	for range 60_000 {
		th := Theme{Accent: colour(), Background: colour(), Text: colour()}
		if th.Check() != nil {
			continue
		}
		accepted++
		if th.isDark() {
			dark++
		}
		for name, p := range map[string]palette{"light": th.lightPalette(), "dark": th.darkPalette()} {
			for what, ok := range map[string]bool{
				"ink":    p.ink.hasContrast(MinTextContrast, p.ground, p.paper, p.wash),
				"accent": p.accent.hasContrast(MinTextContrast, p.ground, p.paper, p.wash),
				"soft":   p.soft.hasContrast(MinTextContrast, p.ground, p.paper, p.wash),
				"wrong":  p.wrong.hasContrast(MinTextContrast, p.ground, p.paper),
				"label":  p.onAccent.hasContrast(MinTextContrast, p.accent, p.accentHover),
				"edge":   p.edge.hasContrast(MinEdgeContrast, p.paper),
			} {
				if !ok {
					t.Fatalf("%s of %+v: %s cannot be read: %+v", name, th, what, p)
				}
			}
		}
	}
	if accepted < 1000 || dark < 100 {
		t.Errorf("only %d themes were tried, %d of them dark", accepted, dark)
	}
}

func TestEveryButtonOfAnEmailIsReadableHoweverItIsShown(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		n := random.Uint32()
		th := Theme{Accent: Colour{uint8(n), uint8(n >> 8), uint8(n >> 16)}}
		e := th.Email()
		for name, b := range map[string]Button{"light": e.Light, "dark": e.Dark} {
			if Contrast(b.Accent, b.Label) < MinTextContrast {
				t.Fatalf("%s of %v: %v on %v", name, th.Accent, b.Label, b.Accent)
			}
			if Contrast(b.Accent.Inverted(), b.Label.Inverted()) < MinTextContrast {
				t.Fatalf("%s of %v, inverted: %v on %v", name, th.Accent, b.Label.Inverted(), b.Accent.Inverted())
			}
		}
	}
	if e := Default().Email(); e.Light != (Button{Default().Accent, white()}) {
		t.Errorf("our own accent became %v", e.Light)
	}
	for c, want := range map[Colour]Colour{
		white(): black(), {255, 0, 0}: {255, 0, 0}, {0x33, 0, 0}: {255, 0xcc, 0xcc},
	} {
		if got := c.Inverted(); got != want {
			t.Errorf("%v inverted is %v, want %v", c, got, want)
		}
	}
}

func TestTheStyleSheetSetsVariablesAndLoadsNothing(t *testing.T) {
	th := Default()
	th.Font, th.Radius = Serif, 3
	css := string(th.CSS())
	for _, want := range []string{"--radius: 3px;", "--accent: #8c3a1f;", "--ground: #f6f0e7;",
		"prefers-color-scheme: dark", "prefers-contrast: more"} {
		if !strings.Contains(css, want) {
			t.Errorf("the sheet has no %s:\n%s", want, css)
		}
	}
	for _, word := range []string{"url(", "@import", "@font-face", "NaN"} {
		if strings.Contains(css, word) {
			t.Errorf("the sheet has %s", word)
		}
	}
	th.Background, th.Text, th.Accent = black(), white(), Colour{0x9f, 0xd0, 0xff}
	if css := string(th.CSS()); strings.Contains(css, "prefers-color-scheme") ||
		!strings.Contains(css, "color-scheme: dark;") {
		t.Errorf("a dark theme:\n%s", css)
	}
}
