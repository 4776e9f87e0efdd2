package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// statementPages handle /texts/{sha256}: what was put to people before they agreed, word for word. It names nobody, and
// stays there when the configuration says something else.
type statementPages struct {
	service *confirm.Service
	sites   sites
	pages   *pages
}

// statementPath returns the path of the statement with a hash.
func statementPath(sum string) string { return "/texts/" + sum }

// show responds with the canonical JSON, whose SHA-256 is the one of the path, or with a page of it for people.
func (s *statementPages) show(c echo.Context) error {
	sum := c.Param("sha256")
	if len(sum) != hex.EncodedLen(sha256.Size) || strings.Trim(sum, "0123456789abcdef") != "" {
		return problem.New(problem.NotFound)
	}
	doc, canonical, err := s.service.Statement(c.Request().Context(), sum)
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.NotFound)
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	respond.Vary(h, echo.HeaderAccept)
	if !request.WantsPage(c) {
		h.Set(echo.HeaderContentType, request.MediaJSON)
		return s.cached(c, `"`+sum+`"`, cacheForever, canonical)
	}
	locale := s.pages.language(c, nil, doc.Language)
	page := templates.Statement{Document: doc, SHA256: sum, Lang: s.pages.foreign(doc.Language, locale)}
	page.Site.ID, page.Site.Name = doc.Site, doc.SiteName
	if st := s.sites[doc.Site]; st != nil {
		page.Site.URL, page.Site.Style, page.Site.Logo = st.Show.URL, st.Show.Style, st.Show.Logo
	}
	var b bytes.Buffer
	if err := s.pages.set.Page(&b, locale, page); err != nil {
		return err
	}
	respond.Vary(h, "Accept-Language")
	h.Set("Content-Language", s.pages.set.Language(locale))
	h.Set(echo.HeaderContentType, "text/html; charset=utf-8")
	looks := sha256.Sum256(b.Bytes()) // these may change with the next version
	return s.cached(c, `"`+hex.EncodeToString(looks[:16])+`"`, cacheValidated, b.Bytes())
}

// cached writes a response that may be stored by everybody. It is always whole: a part of a statement proves nothing.
func (s *statementPages) cached(c echo.Context, etag, control string, body []byte) error {
	h := c.Response().Header()
	h.Set("ETag", etag)
	h.Set(echo.HeaderCacheControl, control)
	c.Request().Header.Del("Range")
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(body))
	return nil
}
