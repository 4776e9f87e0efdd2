package theme

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestOnlyHexColoursAreColours(t *testing.T) {
	for text, want := range map[string]Colour{"#8c3a1f": {0x8c, 0x3a, 0x1f}, "#FFF": white(), "#000000": black(), "#a1C": {0xaa, 0x11, 0xcc}} {
		if got, err := ParseColour(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "#", "8c3a1f", "red", "#8c3a1", "#8c3a1f0", "#8c3a1g", "#+c3a1f", "#-1", "#1_2", "#0x11ff", "rgb(0,0,0)", "#fff;}", "#é1"} {
		if got, err := ParseColour(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

// The figures are those of WCAG's own definition, worked out by hand for the first and widely published for the others.
func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, row := range []struct {
		a, b Colour
		want float64
	}{{white(), black(), 21}, {white(), white(), 1}, {Colour{0x77, 0x77, 0x77}, white(), 4.48}, {Colour{0x76, 0x76, 0x76}, white(), 4.54}, {Colour{255, 0, 0}, white(), 4.00}} {
		if got := Contrast(row.a, row.b); math.Abs(got-row.want) > 0.005 || Contrast(row.b, row.a) != got {
			t.Errorf("%v on %v: %.3f, want %.2f", row.a, row.b, got, row.want)
		}
	}
}

func TestWhatCannotBeReadIsRefusedWithItsRatio(t *testing.T) {
	d := Default()
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	d.Background, d.Text, d.Accent = white(), Colour{0x77, 0x77, 0x77}, Colour{255, 0, 0}
	err := d.Check()
	if err == nil || !strings.Contains(err.Error(), "text on background has a contrast of 4.47:1") || !strings.Contains(err.Error(), "accent on background has a contrast of 3.99:1") {
		t.Errorf("said %v", err)
	}
}

// TestWhateverIsTakenIsReadableDayAndNight holds every derived colour to its ratio, for thousands of themes that Check takes.
func TestWhateverIsTakenIsReadableDayAndNight(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	colour := func() Colour { n := random.Uint32(); return Colour{uint8(n), uint8(n >> 8), uint8(n >> 16)} }
	taken, darks := 0, 0
	for range 60_000 {
		th := Theme{Accent: colour(), Background: colour(), Text: colour()}
		if th.Check() != nil {
			continue
		}
		taken++
		if th.isDark() {
			darks++
		}
		for name, p := range map[string]palette{"day": th.lightPalette(), "night": th.darkPalette()} {
			for what, ok := range map[string]bool{
				"ink": p.ink.hasContrast(MinTextContrast, p.ground, p.paper, p.wash), "accent": p.accent.hasContrast(MinTextContrast, p.ground, p.paper, p.wash),
				"soft": p.soft.hasContrast(MinTextContrast, p.ground, p.paper, p.wash), "wrong": p.wrong.hasContrast(MinTextContrast, p.ground, p.paper),
				"label": p.onAccent.hasContrast(MinTextContrast, p.accent, p.accentHover), "edge": p.edge.hasContrast(MinEdgeContrast, p.paper),
			} {
				if !ok {
					t.Fatalf("%s of %+v: %s cannot be read: %+v", name, th, what, p)
				}
			}
		}
	}
	if taken < 1000 || darks < 100 {
		t.Errorf("only %d themes were tried, %d of them dark", taken, darks)
	}
}

func TestTheSheetLoadsNothingAndKeepsToItsVariables(t *testing.T) {
	th := Default()
	th.Font, th.Radius = Serif, 3
	css := string(th.CSS())
	for _, want := range []string{"--radius: 3px;", "--accent: #8c3a1f;", "--ground: #f6f0e7;", "prefers-color-scheme: dark", "prefers-contrast: more"} {
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
	if css := string(th.CSS()); strings.Contains(css, "prefers-color-scheme") || !strings.Contains(css, "color-scheme: dark;") {
		t.Errorf("a dark theme:\n%s", css)
	}
}
