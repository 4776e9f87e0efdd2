package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/mimeparts"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// framePolicy is for the frame with an email: it runs nothing, loads nothing, and leads nowhere.
const framePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'self'; sandbox"

// Email shows one email as it looked, in a frame.
func (p *People) Email(c echo.Context) error {
	key, e, err := p.email(c)
	if err != nil {
		return err
	}
	if err := p.audit(c, audit.Look, key, ""); err != nil {
		return err
	}
	sub, err := p.Service.Website.Subscription(c.Request().Context(), key.Site, key.ID)
	if err != nil {
		return notFound(err)
	}
	back := dashboard.PersonPath(key.Site, key.ID)
	page := dashboard.Email{
		Address: sub.Address.Masked(), Back: back, Rebuilt: e.Rebuilt, Frame: back + "/emails/" + e.ID + "/frame",
	}
	if header, _, err := readEmail(e); err == nil {
		words := mime.WordDecoder{}
		page.Subject, err = words.DecodeHeader(header.Get("Subject"))
		if err != nil {
			page.Subject = header.Get("Subject")
		}
		from, _ := words.DecodeHeader(header.Get("From"))
		page.Facts = []dashboard.Fact{
			{Label: "From", Value: from}, {Label: "Taken", Value: e.TakenAt.UTC().Format("2 Jan 2006, 15:04:05 UTC")},
			{Label: "The relay said", Value: sub.Address.HiddenIn(e.Reply)},
			{Label: "Message-ID", Value: header.Get("Message-Id")}, {Label: "SHA-256", Value: e.SHA256},
		}
	}
	return p.page(c, http.StatusOK, page)
}

// EmailFrame is the HTML of an email, for the frame of Email.
func (p *People) EmailFrame(c echo.Context) error {
	_, e, err := p.email(c)
	if err != nil {
		return err
	}
	_, html, err := readEmail(e)
	if err != nil {
		return problem.New(problem.NotFound)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, framePolicy)
	h.Set(echo.HeaderReferrerPolicy, "no-referrer")
	return respond.HTML(c, http.StatusOK, deadLinks(html))
}

// email returns the email that a path names.
func (p *People) email(c echo.Context) (store.Key, dossier.Email, error) {
	if _, err := request.ParseQuery(c); err != nil {
		return store.Key{}, dossier.Email{}, err
	}
	key, err := p.key(c)
	if err != nil {
		return key, dossier.Email{}, err
	}
	e, err := p.Dossiers.Email(c.Request().Context(), key, c.Param("email"))
	return key, e, notFound(err)
}

// errNoHTML is the error of an email that has no HTML, or that could not be made again.
var errNoHTML = errors.New("admin: the email has no HTML")

// readEmail returns the header and the HTML of an email.
func readEmail(e dossier.Email) (header mail.Header, html []byte, err error) {
	m, err := mail.ReadMessage(strings.NewReader(e.EML))
	if err != nil {
		return nil, nil, err
	}
	limits := mimeparts.Limits{Depth: 4, Parts: 16, Bytes: 1 << 20}
	err = mimeparts.Walk(textproto.MIMEHeader(m.Header), m.Body, limits, func(part mimeparts.Part) error {
		if part.Err == nil && part.Type == "text/html" && html == nil {
			body, err := part.Decode()
			if err == nil {
				html, err = io.ReadAll(body)
			}
			return err
		}
		return part.Err
	})
	if err == nil && html == nil {
		err = errNoHTML
	}
	return m.Header, html, err
}

// deadLinks takes the targets of all links out of an email of ours. Its HTML is made by our own templates, so it is as
// regular as this is simple; and the frame's sandbox lets nothing lead out of it.
func deadLinks(html []byte) []byte {
	target := regexp.MustCompile(`(?i)\s(href|src|action|ping|background)\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)`)
	return target.ReplaceAll(html, nil)
}
