package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/templates"
)

// How long clients may cache a file.
const (
	// For content that never changes: a year, the longest of RFC 9111.
	cacheForever   = "public, max-age=31536000, immutable"
	cacheShortly   = "public, max-age=300"
	cacheValidated = "no-cache"
)

// picturePolicy is the Content-Security-Policy of a picture. An SVG opened by itself is a document of our own origin:
// nothing in it may run (HTML, section 7.1.5, sandboxing).
const picturePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

// The paths of the scripts that websites load for their own forms.
const (
	embedPath   = "/" + templates.EmbedName
	elementPath = "/" + templates.ElementName
)

// challengePath is the path of the script that does the proof of work; the embed script loads it.
const challengePath = "/" + templates.ChallengeName

// versioned returns the path of such a script with a part of its hash; its content never changes and may be cached for
// ever.
func versioned(path string) string {
	_, _, etag, _ := templates.Asset(path[1:])
	return strings.TrimSuffix(path, ".js") + "." + etag[1:9] + ".js"
}

// assets serves the files that pages refer to, and the scripts for the pages of websites.
type assets struct {
	files map[string]file // by name, besides those of package templates
}

// file is a file under /assets/.
type file struct {
	content []byte
	media   string
	etag    string // quoted
}

// addTheme gives a site's pages their style sheet and logo.
func (a *assets) addTheme(st *site, t *theme.Theme) {
	if t == nil {
		return
	}
	st.Show.Style = a.add("theme-"+st.id+".css", file{content: t.CSS(), media: "text/css; charset=utf-8"})
	if t.Logo == nil {
		return
	}
	endings := map[string]string{
		"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/svg+xml": ".svg",
	}
	st.Show.Logo = a.add("logo-"+st.id+endings[t.Logo.Media], file{content: t.Logo.Bytes, media: t.Logo.Media})
}

// add adds a file, and returns the path with its version, which pages refer to.
func (a *assets) add(name string, f file) string {
	sum := sha256.Sum256(f.content)
	version := hex.EncodeToString(sum[:])[:16]
	f.etag = `"` + version + `"`
	a.files[name] = f
	return "/assets/" + name + "?v=" + version
}

// show serves a file that pages refer to. With its version it may be cached for ever, else it must be revalidated.
func (a *assets) show(c echo.Context) error {
	h, name := c.Response().Header(), c.Param("name")
	content, media, etag, ok := templates.Asset(name)
	if f, ours := a.files[name]; ours {
		content, media, etag, ok = f.content, f.media, f.etag, true
	}
	if !ok {
		return problem.New(problem.NotFound)
	}
	if strings.HasPrefix(media, "image/") {
		h.Set(echo.HeaderContentSecurityPolicy, picturePolicy)
	}
	h.Set(echo.HeaderContentType, media)
	h.Set("ETag", etag)
	h.Set(echo.HeaderCacheControl, cacheValidated)
	if `"`+c.QueryParam("v")+`"` == etag {
		h.Set(echo.HeaderCacheControl, cacheForever)
	}
	http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(content))
	return nil
}

// script serves a script to the pages of other websites. Any page may read it (CORS), or browsers could not check its
// checksum (SRI).
func (a *assets) script(path, cache string) echo.HandlerFunc {
	return func(c echo.Context) error {
		content, media, etag, _ := templates.Asset(path[1:])
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, media)
		h.Set("ETag", etag)
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set(echo.HeaderCacheControl, cache)
		http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(content))
		return nil
	}
}
