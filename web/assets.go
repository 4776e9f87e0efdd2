package web

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/optin/optin/templates"
)

// asset serves what pages refer to. With the version that pages write it may be kept for ever, else it is to be asked for again.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	content, media, etag, ok := templates.Asset(r.PathValue("name"))
	if !ok {
		return refuse(codeNotFound)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	if `"`+r.URL.Query().Get("v")+`"` == etag {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, strings.TrimPrefix(r.PathValue("name"), "/"), time.Time{}, bytes.NewReader(content))
	return nil
}
