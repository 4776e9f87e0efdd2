package web

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/optin/optin/internal/theme"
)

// file is something served under /assets/ beside what templates has.
type file struct {
	content []byte
	media   string
	etag    string // quoted
	policy  string // a Content-Security-Policy of its own; empty: that of every answer
}

// dress gives a site's pages their sheet and logo, and keeps both under /assets/.
func (s *Server) dress(st *site, t *theme.Theme) {
	if t == nil {
		return
	}
	st.Show.Style = s.keep("theme-"+st.id+".css", file{content: t.CSS(), media: "text/css; charset=utf-8"})
	if t.Logo == nil {
		return
	}
	endings := map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/svg+xml": ".svg"}
	// An SVG opened by itself is a document of our own origin: nothing in it may run (HTML 7.1.5, sandboxing).
	logo := file{content: t.Logo.Bytes, media: t.Logo.Media, policy: "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"}
	st.Show.Logo = s.keep("logo-"+st.id+endings[logo.media], logo)
}

// keep serves a file, and returns the path that pages write.
func (s *Server) keep(name string, f file) string {
	sum := sha256.Sum256(f.content)
	version := hex.EncodeToString(sum[:])[:16]
	f.etag = `"` + version + `"`
	s.files[name] = f
	return "/assets/" + name + "?v=" + version
}
