package web

import (
	"bytes"
	"net/http"
	"time"

	"github.com/optin/optin/templates"
)

// embedPath is where a website gets the script for its own forms. The address with a part of its hash is that of this very content,
// and may be kept for ever.
const embedPath = "/embed.js"

// challengePath is where that script gets the one that does its work.
const challengePath = "/" + templates.ChallengeName

func embedVersioned() string {
	_, _, etag, _ := templates.Asset(templates.EmbedName)
	return "/embed." + etag[1:9] + ".js"
}

// embed serves a script to the pages of other websites. Its checksum (SRI) can only be held against it where any page may read it
// (CORS); it says nothing of anybody.
func (s *Server) embed(w http.ResponseWriter, r *http.Request) error {
	name, keep := templates.EmbedName, "public, max-age=300"
	switch r.URL.Path {
	case challengePath:
		name, keep = templates.ChallengeName, "no-cache" // embed.js takes one version of it only
	case embedVersioned():
		keep = cacheForEver
	}
	content, media, etag, _ := templates.Asset(name)
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("ETag", etag)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", keep)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}
