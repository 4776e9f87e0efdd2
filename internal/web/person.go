package web

import (
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Our own signup page asks of whoever fills it in what comes to people by itself and to few programs: to leave a field alone that
// nobody sees, and to take a moment. Neither needs a script, and neither is asked of any other form: what a website shows is its own.
const (
	fieldTrap  = "subject" // a name that no browser fills in by itself
	fieldStamp = "stamp"

	stampLife = 24 * time.Hour
)

// defaultFill is the least time that a person takes to fill in our page.
const defaultFill = time.Second

// schema is the fields of a signup at a site: the contract's, its captcha's, and of our own page the two that are nobody else's business.
func (st *site) schema(ours bool) schema {
	sc := signupSchema()
	if st.Captcha != nil {
		sc[st.Captcha.Widget().Field] = text
	}
	if ours {
		sc[fieldTrap], sc[fieldStamp] = text, text
	}
	return sc
}

// byPerson tells whether a post of our own page fell into the trap, and else what speaks against a person.
func (s *Server) byPerson(a *arrival) (trapped bool, wrong []fieldError) {
	if a.in.filled(fieldTrap) {
		return true, nil
	}
	if c := s.readStamp(a.site, a.in.one(fieldStamp)); c != "" {
		return false, []fieldError{wrongField(fieldStamp, c)}
	}
	return false, nil
}

// filled tells whether anything at all came in a field.
func (f *fields) filled(field string) bool {
	return f.wrong[field] != "" || slices.ContainsFunc(f.values[field], func(v string) bool { return v != "" })
}

// stamp is the moment at which a site's page was made, in milliseconds, and its keyed hash; empty where nobody asks for it.
func (s *Server) stamp(st *site, made time.Time) string {
	if s.opt.Fill < 0 {
		return ""
	}
	at := strconv.FormatInt(made.UnixMilli(), 10)
	return at + "." + s.stampSums(st, at)[0]
}

// readStamp refuses a stamp that is not ours and this site's, that is too old, or too young. A page of another replica may be from a
// moment that has not been here: then its person is too quick, once.
func (s *Server) readStamp(st *site, stamp string) code {
	if s.opt.Fill < 0 {
		return ""
	}
	at, sum, _ := strings.Cut(stamp, ".")
	genuine := slices.ContainsFunc(s.stampSums(st, at), func(want string) bool { return hmac.Equal([]byte(sum), []byte(want)) })
	ms, err := strconv.ParseInt(at, 10, 64)
	if !genuine || err != nil {
		return codeStale
	}
	switch age := s.opt.Now().Sub(time.UnixMilli(ms)); {
	case age > stampLife:
		return codeStale
	case age < s.opt.Fill:
		return codeQuick
	}
	return ""
}

// stampSums are the keyed hashes of a moment at a site, by the newest secret first.
func (s *Server) stampSums(st *site, at string) (all []string) {
	for _, sum := range s.opt.Keyring.Sums("signup page", st.id, at) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum[:16]))
	}
	return all
}
