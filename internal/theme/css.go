package theme

import (
	"bytes"
	"fmt"
)

// The two font stacks of optin.css, under the names of its variables.
const (
	serif = `ui-serif, "Iowan Old Style", Charter, "Bitstream Charter", "Palatino Linotype", Palatino, Georgia, ` +
		`"Liberation Serif", serif`
	sans = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", ` +
		`Arial, sans-serif`
)

// CSS returns the theme's style sheet. It applies to screens only: every site is printed black on white.
func (t Theme) CSS() []byte {
	var b bytes.Buffer
	b.WriteString("@media screen {\n:root {\n")
	if t.isDark() {
		b.WriteString("  color-scheme: dark;\n")
	}
	fmt.Fprintf(&b, "  --radius: %dpx;\n", t.Radius)
	switch t.Font {
	case System:
		fmt.Fprintf(&b, "  --serif: %[1]s;\n  --sans: %[1]s;\n", sans)
	case Serif:
		fmt.Fprintf(&b, "  --serif: %[1]s;\n  --sans: %[1]s;\n", serif)
	}
	t.lightPalette().write(&b)
	b.WriteString("}\n}\n")
	if !t.isDark() {
		b.WriteString("@media screen and (prefers-color-scheme: dark) {\n:root {\n")
		t.darkPalette().write(&b)
		// A logo made for the site's own background keeps it.
		fmt.Fprintf(&b, "}\nheader.site img { padding: 0.5rem 0.75rem; background: %s; }\n}\n", t.Background)
	}
	b.WriteString("@media screen and (prefers-contrast: more) {\n" +
		":root { --soft: var(--ink); --line: var(--edge); }\n}\n")
	return b.Bytes()
}

func (p palette) write(b *bytes.Buffer) {
	for _, v := range []struct {
		name string
		is   Colour
	}{
		{"ground", p.ground}, {"paper", p.paper}, {"ink", p.ink}, {"soft", p.soft}, {"line", p.line}, {"edge", p.edge},
		{"accent", p.accent}, {"accent-hover", p.accentHover}, {"on-accent", p.onAccent}, {"wash", p.wash},
		{"wrong", p.wrong},
	} {
		fmt.Fprintf(b, "  --%s: %s;\n", v.name, v.is)
	}
}
