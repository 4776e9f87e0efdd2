package web

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// attestSlack is how far a website's clock may be ahead of ours.
const attestSlack = time.Minute

// attest reads what a website's server says of the visitor for whom it signs up. Only an API key makes a call one of the site's
// server; without one the fields are refused, for anybody could send them. Nil: the call is nobody's server.
func (s *Server) attest(w http.ResponseWriter, r *http.Request, in *fields) (*consent.Attested, []fieldError, error) {
	named := []string{"visitor_ip", "visitor_user_agent", "visitor_page", "visitor_at"}
	said := 0
	for _, f := range named {
		said += in.spelt[f]
	}
	if len(r.Header.Values("Authorization")) == 0 && said == 0 {
		return nil, nil, nil
	}
	if err := s.authorize(w, r, ScopeWrite); err != nil {
		return nil, nil, err
	}
	a, wrong := &consent.Attested{UserAgent: in.one("visitor_user_agent"), Page: in.one("visitor_page")}, []fieldError(nil)
	for _, f := range named {
		if c := in.wrong[f]; c != "" {
			wrong = append(wrong, wrongField(f, c))
		}
	}
	if text := in.one("visitor_ip"); text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			wrong = append(wrong, wrongField("visitor_ip", codeIP))
		}
		a.IP = ip.Unmap().String()
	}
	if text := in.one("visitor_at"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		switch {
		case err != nil:
			wrong = append(wrong, wrongField("visitor_at", codeTime))
		case at.After(s.opt.Now().Add(attestSlack)):
			wrong = append(wrong, wrongField("visitor_at", codeTimeAhead))
		}
		a.At = at
	}
	return a, wrong, nil
}

// visitor is whose signups are counted against the limit of one IP: the client, or who the site's server says was its visitor. A
// server that says nothing of its visitor has the site's own limit only.
func (s *Server) visitor(r *http.Request, a *consent.Attested) netip.Addr {
	if a == nil {
		return s.client(r)
	}
	ip, _ := netip.ParseAddr(a.IP)
	return ip
}
