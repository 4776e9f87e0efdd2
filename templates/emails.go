package templates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/internal/theme"
)

// UnconfirmedRetention is how long after its deadline an unconfirmed request is deleted. The emails promise it.
const UnconfirmedRetention = 7 * 24 * time.Hour

// maxLink is the longest link an email carries, in bytes: short of the 998 of one line (RFC 5322 2.1.1).
const maxLink = 900

// Email is one of the email types of this package.
type Email interface {
	name() string
	site() Site
	subject() string // the key of its message

	// texts returns the email's own links, and its moments in words.
	texts(d skeleton.Dates) skeleton.Texts

	// view returns what the bodies are made of: these links and moments as they are, and every other text on one line.
	view(t *translation, texts skeleton.Texts) (emailView, error)

	preheader(v emailView) string
	main(v emailView) templ.Component // of the HTML, within the layout
	plain(v emailView) string         // the text
}

// ConfirmEmail asks its reader to open the confirmation page. It holds nothing that the requester wrote.
type ConfirmEmail struct {
	Site                   Site
	Purposes               []Purpose
	Asked, Deadline        time.Time
	Due                    time.Time // when the first email with this link was due; zero: when it was asked for
	ConfirmURL, DeclineURL string
	Reminder               bool // this is the one reminder of the request: the same email again
	Reminds                bool // one reminder may follow this email, so it must not promise that none does
}

// RenewEmail asks somebody who agreed, before that ends, whether they still want it.
type RenewEmail struct {
	Site                   Site
	Purposes               []Purpose
	Agreed, Until          time.Time
	ConfirmURL, DeclineURL string
}

// KnownEmail tells somebody who has confirmed already that the address was entered again, and how to unsubscribe.
type KnownEmail struct {
	Site           Site
	Purposes       []Purpose // with State and Since
	Asked          time.Time
	UnsubscribeURL string
}

// RightEmail has the link of a right: a copy of the person's data, or their erasure.
type RightEmail struct {
	Site            Site
	Erase           bool
	Asked, Deadline time.Time
	Due             time.Time // when the email was due; zero: when it was asked for
	URL             string
}

// RenderedEmail is what an email says. Subject is one line of at most 78 characters. In Text every paragraph is one
// line of any length (see skeleton.Wrap), and links stand alone on their lines. Lines end in LF.
type RenderedEmail struct {
	Subject, Text, HTML string
}

// emailNames lists the names of all emails.
func emailNames() []string { return []string{"confirm", "known", "renew", "right"} }

// confirmSubject is the subject that a site may word itself. The others say what a site must not change: that no
// more reminders follow, and that nothing has to be done.
const confirmSubject = "email.confirm.subject"

// Email renders an email in the language nearest to locale. Names and texts are put on one line, and names are cut to a
// sensible length. A link that is not an absolute http or https URL in plain ASCII, or is longer than 900 bytes, is an
// error. The error does not contain the link.
func (s *Set) Email(locale string, e Email) (RenderedEmail, error) {
	s = s.Of(e.site().ID)
	dates, err := s.Dates(locale, e.site().TimeZone)
	if err != nil {
		return RenderedEmail{}, err
	}
	return s.EmailWith(locale, e, e.texts(dates))
}

// EmailWith is Email with these links and moments in the place of the email's own: of the texts that the email has.
func (s *Set) EmailWith(locale string, e Email, texts skeleton.Texts) (RenderedEmail, error) {
	s = s.Of(e.site().ID)
	m, err := s.render(locale, e, texts)
	if err != nil {
		return RenderedEmail{}, fmt.Errorf("templates: email %s: %w", e.name(), err)
	}
	return m, nil
}

func (s *Set) render(locale string, e Email, texts skeleton.Texts) (RenderedEmail, error) {
	t := s.translation(locale)
	v, err := e.view(t, texts)
	if err != nil {
		return RenderedEmail{}, err
	}
	v.looks()
	v.Own = cleanWording(v.Site.Wording[locale])
	for _, link := range v.urls {
		if err := checkLink(link); err != nil {
			return RenderedEmail{}, err
		}
	}
	if v.Subject = v.Own.Subject; v.Subject == "" || e.subject() != confirmSubject {
		v.Subject = t.text(e.subject(), "Site", oneLine(e.site().Name, maxSubjectName))
	}
	var html strings.Builder
	if err := v.layout(e.preheader(v), e.main(v)).Render(context.Background(), &html); err != nil {
		return RenderedEmail{}, err
	}
	return RenderedEmail{Subject: v.Subject, Text: e.plain(v), HTML: inLines(html.String())}, nil
}

// urlPunctuation is that of RFC 3986 appendix A, without the quote.
const urlPunctuation = "-._~:/?#[]@!$&()*+,;=%"

func isURLChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.ContainsRune(urlPunctuation, c)
}

// checkLink never repeats the link in its error: a link is the key to somebody's consent, and errors are logged.
func checkLink(link string) error {
	if len(link) > maxLink {
		return fmt.Errorf("a link of %d bytes is too long for an email; the limit is %d", len(link), maxLink)
	}
	u, err := url.Parse(link)
	if err != nil || strings.ContainsFunc(link, func(c rune) bool { return !isURLChar(c) }) || u.Host == "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("a link in an email must be an absolute http or https URL in ASCII")
	}
	return nil
}

// emailView is what an email's bodies are made of.
type emailView struct {
	*translation
	urls                                   []string // the links that there are
	Erase                                  bool
	Subject                                string
	Site                                   Site
	Purposes                               []purposeView
	Reminder, Reminds                      bool
	ConfirmURL, DeclineURL, UnsubscribeURL string
	Asked, Deadline, ValidFor              string
	Own                                    Wording
	Looks                                  theme.Email
	Start                                  string // the side on which a line begins: left or right
}

// EmailLogoID is the Content-ID of the picture in an email, without the brackets.
const EmailLogoID = "logo"

// looks fills in how the email looks.
func (v *emailView) looks() {
	v.Looks = theme.Default().Email()
	if own := v.Site.Looks; own != nil {
		v.Looks = *own
	}
	v.Start = "left"
	if v.isRightToLeft() {
		v.Start = "right"
	}
}

// purposeView is a purpose in an email. When is in words; it is empty where no state is shown.
type purposeView struct{ Text, TextChild, Lang, State, When string }

// NameWithURL is the site's name followed by the address from its configuration, if it has one.
func (s Site) NameWithURL() string {
	if s.URL == "" {
		return s.Name
	}
	return s.Name + " (" + s.URL + ")"
}

func (ConfirmEmail) name() string { return "confirm" }
func (e ConfirmEmail) site() Site { return e.Site }

func (e ConfirmEmail) subject() string {
	if e.Reminder {
		return "email.reminder.subject"
	}
	return confirmSubject
}

// validFor is how long the link works from when its first email was due, to the minute: the caller may have taken the
// two times a moment apart. So it says the same for all people of a site.
func (e ConfirmEmail) validFor() time.Duration { return validFor(e.Asked, e.Due, e.Deadline) }

func validFor(asked, due, deadline time.Time) time.Duration {
	if due.IsZero() {
		due = asked
	}
	return deadline.Sub(due).Round(time.Minute)
}

func (e ConfirmEmail) texts(d skeleton.Dates) skeleton.Texts {
	return skeleton.Texts{
		Confirm: e.ConfirmURL, Decline: e.DeclineURL,
		Asked: string(d.Append(nil, e.Asked)), Deadline: string(d.Append(nil, e.Deadline)),
	}
}

func (e ConfirmEmail) view(t *translation, texts skeleton.Texts) (emailView, error) {
	return emailView{
		translation: t, urls: []string{texts.Confirm, texts.Decline},
		Site: cleanSite(e.Site), Reminder: e.Reminder, Reminds: e.Reminds,
		ConfirmURL: texts.Confirm, DeclineURL: texts.Decline, Asked: texts.Asked, Deadline: texts.Deadline,
		Purposes: asked(e.Site, e.Purposes, t), ValidFor: t.duration(e.validFor()),
	}, nil
}

// asked returns what an email asks for, without State and Since: nothing of it is agreed to yet.
func asked(site Site, of []Purpose, t *translation) (all []purposeView) {
	for _, p := range of {
		all = append(all, purposeView{
			Text: oneLine(p.Text, maxText), Lang: p.Lang,
			TextChild: oneLine(site.ChildTexts[cmp.Or(p.Lang, t.name())][p.Text], maxText),
		})
	}
	return all
}

func (RenewEmail) name() string    { return "renew" }
func (e RenewEmail) site() Site    { return e.Site }
func (RenewEmail) subject() string { return "email.renew.subject" }

func (e RenewEmail) texts(d skeleton.Dates) skeleton.Texts {
	return skeleton.Texts{
		Confirm: e.ConfirmURL, Decline: e.DeclineURL,
		Asked: string(d.Append(nil, e.Agreed)), Deadline: string(d.Append(nil, e.Until)),
	}
}

func (e RenewEmail) view(t *translation, texts skeleton.Texts) (emailView, error) {
	return emailView{
		translation: t, urls: []string{texts.Confirm, texts.Decline}, Site: cleanSite(e.Site),
		Purposes:   asked(e.Site, e.Purposes, t),
		ConfirmURL: texts.Confirm, DeclineURL: texts.Decline, Asked: texts.Asked, Deadline: texts.Deadline,
	}, nil
}

func (KnownEmail) name() string    { return "known" }
func (e KnownEmail) site() Site    { return e.Site }
func (KnownEmail) subject() string { return "email.known.subject" }

func (e KnownEmail) texts(d skeleton.Dates) skeleton.Texts {
	texts := skeleton.Texts{Unsubscribe: e.UnsubscribeURL, Asked: string(d.Append(nil, e.Asked))}
	for _, p := range e.Purposes {
		if !p.Since.IsZero() {
			texts.Since = append(texts.Since, string(d.Append(nil, p.Since)))
		}
	}
	return texts
}

func (e KnownEmail) view(t *translation, texts skeleton.Texts) (emailView, error) {
	v := emailView{
		translation: t, urls: []string{texts.Unsubscribe}, Site: cleanSite(e.Site),
		UnsubscribeURL: texts.Unsubscribe, Asked: texts.Asked,
	}
	since := texts.Since
	for _, p := range e.Purposes {
		q := purposeView{Text: oneLine(p.Text, maxText), Lang: p.Lang, State: p.State}
		if !p.Since.IsZero() {
			if len(since) == 0 {
				return emailView{}, errors.New("a purpose has no text for its moment")
			}
			q.When, since = since[0], since[1:]
		}
		v.Purposes = append(v.Purposes, q)
	}
	return v, nil
}

func (RightEmail) name() string { return "right" }
func (e RightEmail) site() Site { return e.Site }

func (e RightEmail) subject() string {
	if e.Erase {
		return "email.rights.erase_subject"
	}
	return "email.rights.copy_subject"
}

func (e RightEmail) texts(d skeleton.Dates) skeleton.Texts {
	return skeleton.Texts{
		Confirm: e.URL, Asked: string(d.Append(nil, e.Asked)), Deadline: string(d.Append(nil, e.Deadline)),
	}
}

func (e RightEmail) view(t *translation, texts skeleton.Texts) (emailView, error) {
	return emailView{
		translation: t, urls: []string{texts.Confirm}, Site: cleanSite(e.Site), Erase: e.Erase,
		ConfirmURL: texts.Confirm, Asked: texts.Asked, Deadline: texts.Deadline,
		ValidFor: t.duration(validFor(e.Asked, e.Due, e.Deadline)),
	}, nil
}
