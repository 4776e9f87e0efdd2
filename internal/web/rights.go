package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// rightPages handle a person's rights over their data: a copy (GDPR articles 15 and 20), and their erasure (17). Both
// are claimed on the page of a link that gets forwarded, /u/{token}, and used by a link of their own, /r/{token}, which
// only their mailbox has.
type rightPages struct {
	service  *confirm.Service
	dossiers *dossier.Maker
	sites    sites
	pages    *pages
}

// claim returns the handler that has the link of a right mailed. It responds the same whether an email is due or not.
func (r *rightPages) claim(right consent.Right) echo.HandlerFunc {
	return func(c echo.Context) error {
		v, err := r.service.Person.ClaimRight(c.Request().Context(), c.Param("token"), right,
			request.Evidence(c, consent.ByLink))
		if err != nil {
			return err
		}
		return r.pages.state(c, http.StatusAccepted, v, "accepted",
			templates.Claimed{Site: r.sites[v.Site].Show, TTL: consent.ClaimTTL})
	}
}

// show shows what the link of a right is for, and changes nothing: programs that open the links of emails get no
// copy, and erase nobody.
func (r *rightPages) show(c echo.Context) error {
	v, err := r.service.Person.Right(c.Request().Context(), c.Param("token"))
	if err != nil {
		return r.refuse(c, v, err)
	}
	if v.Address.IsZero() {
		return r.erased(c, v)
	}
	return r.pages.state(c, http.StatusOK, v, string(v.Use), templates.Right{
		Site: r.sites[v.Site].Show, Address: v.Address.Masked(), Erase: v.Use == token.UseErase,
		Action: r.pages.inChosen(c, v.Site, "/r/"+c.Param("token")),
	})
}

// use gives the copy, or erases.
func (r *rightPages) use(c echo.Context) error {
	ctx, signed := c.Request().Context(), c.Param("token")
	v, err := r.service.Person.Right(ctx, signed)
	if err != nil {
		return r.refuse(c, v, err)
	}
	if v.Use == token.UseCopy {
		return r.copy(c)
	}
	if v, err = r.service.Person.Erase(ctx, signed); err != nil {
		return r.refuse(c, v, err)
	}
	return r.erased(c, v)
}

// copy responds with everything that is known of the person, as a file.
func (r *rightPages) copy(c echo.Context) error {
	ctx := c.Request().Context()
	v, key, err := r.service.Person.TakeCopy(ctx, c.Param("token"), request.Evidence(c, consent.ByLink))
	if err != nil {
		return r.refuse(c, v, err)
	}
	r.pages.about(c, v)
	d, err := r.dossiers.Make(ctx, key.Site, key.ID)
	if err != nil {
		return err
	}
	b, err := r.dossiers.ZIP(d.ForPerson(), r.pages.languageOfView(c, v))
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+key.Site+`.zip"`)
	return respond.Bytes(c, http.StatusOK, dossier.MediaZIP, b)
}

func (r *rightPages) erased(c echo.Context, v confirm.View) error {
	return r.pages.state(c, http.StatusOK, v, string(consent.Erased), templates.Erased{Site: r.sites[v.Site].Show})
}

// refuse shows that a link has expired. It offers nothing: another is asked for where this one was.
func (r *rightPages) refuse(c echo.Context, v confirm.View, err error) error {
	if !errors.Is(err, consent.ErrExpired) {
		return err
	}
	r.pages.about(c, v)
	if !request.WantsPage(c) {
		return problem.New(problem.LinkExpired)
	}
	page := templates.Expired{Site: r.sites[v.Site].Show}
	return r.pages.render(c, http.StatusGone, r.pages.languageOfView(c, v), page)
}
