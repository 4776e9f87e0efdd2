package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/optin/optin/internal/theme"
)

// readTheme reads the looks of a site's pages; nil if there are none. Colours with too little contrast are one problem
// of the whole theme, because changing either of them fixes it.
func readTheme(v value) *theme.Theme {
	before := len(v.r.problems)
	g := v.group("logo", "email_logo", "accent", "background", "text", "radius", "font")
	if len(g.at) == 0 {
		return nil
	}
	t := theme.Default()
	t.Accent = optional(g.get("accent"), t.Accent.String(), theme.ParseColour)
	t.Background = optional(g.get("background"), t.Background.String(), theme.ParseColour)
	t.Text = optional(g.get("text"), t.Text.String(), theme.ParseColour)
	t.Radius = optional(g.get("radius"), strconv.Itoa(t.Radius), parseRadius)
	t.Font = optional(g.get("font"), "", parseFont)
	if logo := g.get("logo"); logo.given() {
		t.Logo = readLogo(logo, maxLogo, "must be a picture for the top of a page")
	}
	if logo := g.get("email_logo"); logo.given() {
		t.EmailLogo = readEmailLogo(logo)
	}
	if len(v.r.problems) == before {
		if err := t.Check(); err != nil {
			v.fail("is not legible: %s", err)
		}
	}
	return &t
}

func parseRadius(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n > theme.MaxRadius {
		return 0, fmt.Errorf("must be a whole number of pixels from 0 to %d", theme.MaxRadius)
	}
	return int(n), nil
}

func parseFont(s string) (theme.Font, error) {
	if f := theme.Font(s); f == theme.System || f == theme.Serif {
		return f, nil
	}
	return "", errors.New("must be system or serif")
}

// readLogo reads a picture from its file. optin serves it itself, so that pages load nothing from elsewhere.
func readLogo(v value, limit int, must string) *theme.Logo {
	name, ok := v.text()
	if !ok {
		return nil
	}
	if strings.Contains(name, "://") {
		v.fail("must be the name of a file, not a URL: optin serves the picture itself, so that pages load nothing " +
			"from elsewhere")
		return nil
	}
	content, ok := v.onNode().fileAt(name, limit, must)
	if !ok {
		return nil
	}
	media := pictureOf([]byte(content))
	if media == "" {
		v.fail("names a file that is neither PNG, JPEG, WebP nor SVG")
		return nil
	}
	return &theme.Logo{Bytes: []byte(content), Media: media}
}

// readEmailLogo reads a picture that every email brings with it, of a kind that mail programs show.
func readEmailLogo(v value) *theme.Logo {
	l := readLogo(v, theme.MaxEmailLogo, "must be a small picture, since every email brings it with it")
	if l != nil && l.Media != "image/png" && l.Media != "image/jpeg" {
		v.fail("must be PNG or JPEG: many mail programs show no other pictures")
		return nil
	}
	return l
}

// pictureOf returns the media type of a picture by its content, or "".
func pictureOf(b []byte) string {
	switch media := http.DetectContentType(b); media {
	case "image/png", "image/jpeg", "image/webp":
		return media
	}
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name.Local != "svg" || start.Name.Space != "http://www.w3.org/2000/svg" || d.Skip() != nil {
				return ""
			}
			return "image/svg+xml"
		}
	}
}
