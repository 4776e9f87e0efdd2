package web

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// Admin is the operator's dashboard: pages for people, in English, which name nobody and are no part of openapi.yaml.
//
//	GET HEAD       /admin                        store, relays, sites
//	GET HEAD POST  /admin/login                  the password, for a session
//	POST           /admin/logout                 ends it
//	GET HEAD POST  /admin/sites/{site}/webhooks  what is parked, and its replay
//
// What always holds:
//
//   - Without a password there is no such path.
//   - Nobody without a session sees or does anything but log in: a question is sent to the login page, an act is refused with 403.
//   - Before a password is looked at, a try is taken from what all replicas together allow. The right one is given back.
//   - A session ends after sessionLife, by logging out, and with the password or the secret that it was made with.
//   - What cannot be asked of the store is taken for no.
type Admin struct {
	Password  []byte                     // in UTF-8; space around it does not count, as browsers and files add some. Empty: there is no dashboard
	Relays    func() []RelayStatus       // may be nil; called by many goroutines
	Endpoints map[store.QueueName]string // the host of each webhook's endpoint by its lane; without it, the end of the lane is shown
}

const (
	adminPath = "/admin"
	loginPath = "/admin/login"
)

// adminRoutes are those of the dashboard, if there is one.
func (s *Server) adminRoutes() (all []route) {
	if s.admin == nil {
		return nil
	}
	look := func(pattern string, h handler) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			all = append(all, route{method: method, pattern: pattern, handle: h, person: true})
		}
	}
	act := func(pattern string, h handler) {
		all = append(all, route{method: http.MethodPost, pattern: pattern, handle: s.fromOurPage(h), person: true, guarded: true})
	}
	const hooks = "/admin/sites/{site}/webhooks"
	look(adminPath, s.inside(s.overview))
	look(loginPath, s.showLogin)
	act(loginPath, s.login)
	act("/admin/logout", s.inside(s.logout))
	look(hooks, s.inside(s.adminParked))
	act(hooks, s.inside(s.adminReplay))
	return all
}

// openAdmin reads the dashboard's pages, if there is to be one.
func (s *Server) openAdmin() (err error) {
	s.opt.Admin.Password = bytes.Trim(s.opt.Admin.Password, " \t\r\n")
	if len(s.opt.Admin.Password) > 0 {
		s.admin, err = templates.NewAdmin()
	}
	return err
}

// inside lets a handler answer only whoever has logged in.
func (s *Server) inside(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		in, err := s.session(r)
		switch {
		case err != nil:
			return s.adminFail(w, r, err, false)
		case in != nil:
			return s.adminFail(w, r, h(w, r), true)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			seeOther(w, loginPath)
			return nil
		}
		return s.adminPage(w, http.StatusForbidden, templates.AdminLogin{SessionEnded: true})
	}
}

// fromOurPage is stricter than guard, for here a cookie counts: where a browser does not say which site it posts from, it has to say
// which origin. A program says neither.
func (s *Server) fromOurPage(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		for _, o := range r.Header.Values("Origin") {
			if fetchSite(r) == "" && o != s.own {
				return refuse(codeCrossSite)
			}
		}
		return h(w, r)
	}
}

// adminPage renders a page of the dashboard.
func (s *Server) adminPage(w http.ResponseWriter, status int, p templates.AdminPage) error {
	var b bytes.Buffer
	if err := s.admin.Page(&b, p); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Referrer-Policy", "same-origin") // or older browsers would not say which origin they post from
	h.Set("Content-Language", "en")
	vary(h, "Accept", "Cookie")
	write(w, status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// adminFail answers an error, if there is one, by a page of the dashboard; to programs as everywhere else.
func (s *Server) adminFail(w http.ResponseWriter, r *http.Request, err error, inside bool) error {
	if err == nil || !wantsPage(r) {
		return err
	}
	e := known(err)
	status, _ := e.code.words()
	if status >= http.StatusInternalServerError {
		exchangeOf(r).cause = err
	}
	if e.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(e.after)))
	}
	return s.adminPage(w, status, templates.AdminFailure{Status: status, LoggedIn: inside})
}
