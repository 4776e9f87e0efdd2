package templates

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"github.com/optin/optin/internal/theme"
)

// The words of emails, the plain text that they make, and the styles of their HTML.

// preheader is what mail programs show of an email beside its subject.
func (e ConfirmEmail) preheader(v emailView) string {
	if e.Reminder {
		return v.text("email.reminder.preheader")
	}
	return v.text("email.confirm.preheader")
}

func (e ConfirmEmail) lead(v emailView) string {
	key := "email.confirm.lead"
	if e.Reminder {
		key = "email.reminder.lead"
	}
	return v.text(key, "Site", v.Site.NameWithURL(), "When", v.Asked)
}

// label is that of the button.
func (ConfirmEmail) label(v emailView) string {
	if v.Own.Button != "" {
		return v.Own.Button
	}
	return v.text("email.confirm.button")
}

// until says how long the link works, and what happens without it.
func (e ConfirmEmail) until(v emailView) string {
	key := "email.confirm.ignore"
	if e.Reminds && !e.Reminder {
		key = "email.confirm.reminds"
	}
	return v.text("email.confirm.until", "When", v.Deadline, "Duration", v.ValidFor) + " " +
		v.text(key, "Retention", v.duration(UnconfirmedRetention))
}

func (e ConfirmEmail) plain(v emailView) string {
	greeting := v.Own.Greeting
	if greeting == "" {
		greeting = v.text("email.hello")
	}
	return v.paragraphs(greeting, v.Own.Lead, e.lead(v)+v.list(), v.text("email.confirm.review"),
		v.link(e.label(v), v.ConfirmURL), e.until(v), v.text("withdrawal.sentence"),
		v.text("email.confirm.notme", "Site", v.Site.Name), v.link(v.text("decline.button"), v.DeclineURL))
}

func (RenewEmail) preheader(v emailView) string { return v.text("email.renew.ignore") }

func (RenewEmail) plain(v emailView) string {
	return v.paragraphs(v.text("email.hello"),
		v.text("email.renew.lead", "Site", v.Site.NameWithURL(), "When", v.Asked)+v.list(),
		v.text("email.renew.until", "When", v.Deadline), v.text("email.renew.review"),
		v.link(v.text("renew.button"), v.ConfirmURL),
		v.text("email.renew.ignore")+" "+v.text("withdrawal.sentence"), v.text("renew.effect", "Site", v.Site.Name),
		v.link(v.text("renew.decline"), v.DeclineURL))
}

func (KnownEmail) preheader(v emailView) string { return v.text("email.known.preheader") }

func (KnownEmail) plain(v emailView) string {
	return v.paragraphs(v.text("email.hello"),
		v.text("email.known.lead", "Site", v.Site.NameWithURL(), "When", v.Asked),
		v.text("email.known.agreed")+v.list(), v.text("email.known.nothing")+" "+v.text("email.known.unsubscribe"),
		v.link(v.text("email.known.button"), v.UnsubscribeURL))
}

func (RightEmail) preheader(v emailView) string { return v.text("email.rights.preheader") }

func (e RightEmail) lead(v emailView) string {
	key := "email.rights.copy_lead"
	if e.Erase {
		key = "email.rights.erase_lead"
	}
	return v.text(key, "Site", v.Site.NameWithURL(), "When", v.Asked)
}

// label is that of the button.
func (e RightEmail) label(v emailView) string {
	if e.Erase {
		return v.text("rights.erase")
	}
	return v.text("rights.copy")
}

func (e RightEmail) plain(v emailView) string {
	return v.paragraphs(v.text("email.hello"), e.lead(v), v.text("email.confirm.review"),
		v.link(e.label(v), v.ConfirmURL), v.text("email.confirm.until", "When", v.Deadline, "Duration", v.ValidFor),
		v.text("email.rights.ignore"))
}

// paragraphs returns the plain text of an email: what is not empty, and below it who is responsible.
func (v emailView) paragraphs(all ...string) string {
	c := v.Site.Controller
	below := strings.Repeat("_", 20) + "\n\n" + c.Name + "\n" + c.Address + "\n" + c.Contact + "\n"
	if c.PrivacyURL != "" {
		below += v.link(v.text("footer.privacy"), c.PrivacyURL)
	}
	return tidy(strings.Join(append(all, below), "\n\n"))
}

// link is a link alone on its line, below what it is.
func (v emailView) link(label, url string) string { return label + v.text("email.colon") + "\n" + url }

// list is the purposes, below a paragraph.
func (v emailView) list() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, p := range v.Purposes {
		b.WriteString("\n  - " + p.Text)
		if p.TextChild != "" {
			b.WriteString("\n    " + v.text("purpose.simply") + " " + p.TextChild)
		}
		if p.When != "" {
			b.WriteString("\n    " + v.stateSince(p.State, p.When))
		}
	}
	return b.String()
}

// styled is the style of an element. All styles are made of our own words, and of numbers and colours of a theme that
// was checked.
func styled(css string) templ.SafeCSS { return templ.SafeCSS(css) }

// ruled is the style of a cell below a line.
const ruled = "padding:20px 0 0;border-top:1px solid #b3a79a;"

// heading and body are styles of texts of a size and line height, in pixels.
func (v emailView) heading(size, line int) string { return font(v.Looks.Heading, size, line) }

func (v emailView) body(size, line int) string { return font(v.Looks.Body, size, line) }

func font(stack string, size, line int) string {
	return fmt.Sprintf("font-family:%s;font-size:%dpx;line-height:%dpx", stack, size, line)
}

// below is the style of a paragraph with a margin below.
func below(margin int) string { return fmt.Sprintf("margin:0 0 %dpx", margin) }

// mark is the style of a purpose, with a line at its start.
func (v emailView) mark() string {
	return fmt.Sprintf("padding:4px 0;padding-%[1]s:16px;border-%[1]s:3px solid %[2]s;", v.Start,
		v.Looks.Light.Accent) + v.heading(17, 26)
}

func (v emailView) buttonCell() string {
	return fmt.Sprintf("background:%s;border-radius:%dpx", v.Looks.Light.Accent, v.Looks.Radius)
}

func (v emailView) buttonLink() string {
	return fmt.Sprintf("display:inline-block;padding:14px 28px;border:1px solid %s;border-radius:%dpx;"+
		"color:%s;font-size:17px;font-weight:bold;line-height:22px;text-decoration:none",
		v.Looks.Light.Accent, v.Looks.Radius, v.Looks.Light.Label)
}

// darkStyle is the colours for mail programs with a dark mode: those that know the media query, and Outlook.com.
func darkStyle(dark theme.Button) string {
	mark := fmt.Sprintf("{border-color:%s !important}", dark.Accent)
	act := fmt.Sprintf("{background:%[1]s !important;border-color:%[1]s !important;color:%[2]s !important}",
		dark.Accent, dark.Label)
	return "<style>\n@media (prefers-color-scheme:dark){.o-mark" + mark + ".o-act,.o-act a" + act + "}\n" +
		"[data-ogsc] .o-mark" + mark + "\n[data-ogsc] .o-act,[data-ogsc] .o-act a" + act + "\n</style>"
}

// inLines puts the parts of an email's HTML on lines of their own, for those who read its source; and an email is
// filled in line by line.
func inLines(html string) string { return htmlLines.Replace(html) }

var htmlLines = strings.NewReplacer(
	"</p>", "</p>\n", "</tr>", "</tr>\n", "</table>", "</table>\n", "</div>", "</div>\n", "<head>", "<head>\n",
	"</title>", "</title>\n", "</head>", "</head>\n", "<tr>", "<tr>\n",
)
