package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/web/respond"
)

// formWords is what a form on a website's own page says and asks.
type formWords struct {
	Locale   string            `json:"locale"` // of the words
	Dir      string            `json:"dir"`    // ltr or rtl
	Words    map[string]string `json:"words"`
	Purposes []formPurpose     `json:"purposes"`
}

// formPurpose is a purpose, in the site's language that is nearest to the page's.
type formPurpose struct {
	ID        string `json:"id"`
	Text      string `json:"text"`
	TextChild string `json:"text_child,omitempty"`
	Lang      string `json:"lang"`
	Statement string `json:"statement,omitempty"` // path
}

// words handles GET /v1/sites/{site}/words: what embed.js says on a website's own page, in the language of that page,
// and what <optin-form> asks there.
func (s *signups) words(c echo.Context) error {
	st, err := s.sites.of(c)
	if err != nil {
		return err
	}
	set, wanted := s.pages.set.Of(st.id), c.QueryParam("locale")
	said := formWords{Locale: set.Nearest(append([]string{wanted}, c.Request().Header.Values("Accept-Language")...)...)}
	said.Dir = set.Direction(said.Locale)
	said.Words = set.EmbedWords(said.Locale)
	locale := s.pages.language(c, st, wanted)
	for _, p := range s.form.purposes(st, locale) {
		said.Purposes = append(said.Purposes, formPurpose{p.ID, p.Text, p.TextChild, locale, p.StatementURL})
	}
	h := c.Response().Header()
	respond.Vary(h, "Accept-Language")
	h.Set("Content-Language", said.Locale)
	return respond.JSON(c, http.StatusOK, said)
}
