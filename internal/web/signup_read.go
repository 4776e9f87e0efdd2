package web

import (
	"slices"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
)

// read turns the fields of a signup into what is asked for, and where its person goes then; or says everything that is wrong.
func (st *site) read(in *fields) (asked confirm.NewSignup, to string, wrong []fieldError) {
	add := func(field string, c code) {
		if c != "" {
			wrong = append(wrong, wrongField(field, c))
		}
	}
	var c code
	asked.Address, c = readEmail(in)
	add("email", c)
	asked.Purposes, c = st.readPurposes(in)
	add("purposes", c)
	add("consent", readConsent(in))
	add("preticked", readPreticked(in))
	add("locale", in.wrong["locale"])
	add("source", in.wrong["source"])
	add(fieldWork, in.wrong[fieldWork])
	if st.Captcha != nil {
		field := st.Captcha.Widget().Field
		add(field, in.wrong[field])
	}
	to, c = st.readRedirect(in)
	add("redirect", c)
	return asked, to, wrong
}

// readEmail reads the one address of a body.
func readEmail(in *fields) (address.Address, code) {
	switch in.wrong["email"] {
	case codeRepeated:
		return address.Address{}, codeRepeated
	case codeInvalid:
		return address.Address{}, codeEmailInvalid
	}
	email := in.one("email")
	if email == "" {
		return address.Address{}, codeEmailRequired
	}
	a, err := address.Parse(email)
	if err != nil {
		return address.Address{}, codeEmailInvalid
	}
	return a, ""
}

// readPurposes reads what is agreed to. A site with one purpose needs none named.
func (st *site) readPurposes(in *fields) ([]string, code) {
	if c := in.wrong["purposes"]; c != "" {
		return nil, c
	}
	if in.nearly["purposes"] { // to pass it over would be to agree to something else
		return nil, codeRepeated
	}
	var ids []string
	for _, id := range in.values["purposes"] {
		if _, ok := st.rules.Purpose(id); !ok {
			return nil, codePurposeUnknown
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) > 0:
		return ids, ""
	case len(st.rules.Purposes) == 1:
		return []string{st.rules.Purposes[0].ID}, ""
	}
	return nil, codePurposeRequired
}

func readConsent(in *fields) code {
	if in.wrong["consent"] == codeRepeated {
		return codeRepeated
	}
	if !in.yes("consent") {
		return codeConsentRequired
	}
	return ""
}

// readPreticked refuses all that does not say no: a doubt is no consent (CJEU C-673/17).
func readPreticked(in *fields) code {
	if c := in.wrong["preticked"]; c != "" {
		return c
	}
	if in.nearly["preticked"] || !slices.Contains([]string{"", "false", "off", "no", "0"}, in.one("preticked")) {
		return codeConsentPreticked
	}
	return ""
}

func (st *site) readRedirect(in *fields) (string, code) {
	switch c := in.wrong["redirect"]; {
	case c == codeRepeated:
		return "", c
	case c == codeInvalid:
		return "", codeRedirect
	}
	raw := in.one("redirect")
	if raw == "" {
		return "", ""
	}
	u, err := st.allowed(raw)
	if err != nil {
		return "", codeRedirect
	}
	return u.String(), ""
}
