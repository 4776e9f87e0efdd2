package templates

import (
	"encoding/binary"
	"time"
)

// letterView is what a letter's templates see. What differs from one person's letter to the next's are words in it, for moulds.
type letterView struct {
	Subject                                string
	Site                                   Site
	Purposes                               []shown
	Reminder, Reminds                      bool
	ConfirmURL, DeclineURL, UnsubscribeURL string
	Asked, Deadline, Lasts                 string
}

// shown is a purpose in a letter. When is in words, and empty where no state is told.
type shown struct{ Text, Lang, State, When string }

// Kept is UnconfirmedRetention, for the template.
func (letterView) Kept() time.Duration { return UnconfirmedRetention }

func (l ConfirmEmail) words(t *tongue) ([]string, error) {
	asked, err := t.when(l.Asked)
	if err != nil {
		return nil, err
	}
	deadline, err := t.when(l.Deadline)
	if err != nil {
		return nil, err
	}
	lasts, err := t.lasts(l.Valid())
	return []string{l.ConfirmURL, l.DeclineURL, asked, deadline, lasts}, err
}

func (l ConfirmEmail) view(words []string) letterView {
	v := letterView{Site: cleanSite(l.Site), Reminder: l.Reminder, Reminds: l.Reminds, ConfirmURL: words[0], DeclineURL: words[1],
		Asked: words[2], Deadline: words[3], Lasts: words[4]}
	for _, p := range l.Purposes {
		v.Purposes = append(v.Purposes, shown{Text: oneLine(p.Text, maxText), Lang: p.Lang}) // nothing is agreed to yet
	}
	return v
}

func (l ConfirmEmail) appendRest(b []byte) []byte {
	b = append(appendSite(b, l.Site), bit(l.Reminder), bit(l.Reminds))
	for _, p := range l.Purposes {
		b = appendText(b, p.Text, p.Lang)
	}
	return b
}

func (l KnownEmail) words(t *tongue) ([]string, error) {
	asked, err := t.when(l.Asked)
	words := []string{l.UnsubscribeURL, asked}
	for _, p := range l.Purposes {
		if err == nil && !p.Since.IsZero() {
			var since string
			since, err = t.when(p.Since)
			words = append(words, since)
		}
	}
	return words, err
}

func (l KnownEmail) view(words []string) letterView {
	v := letterView{Site: cleanSite(l.Site), UnsubscribeURL: words[0], Asked: words[1]}
	words = words[2:]
	for _, p := range l.Purposes {
		s := shown{Text: oneLine(p.Text, maxText), Lang: p.Lang, State: p.State}
		if !p.Since.IsZero() {
			s.When, words = words[0], words[1:]
		}
		v.Purposes = append(v.Purposes, s)
	}
	return v
}

func (l KnownEmail) appendRest(b []byte) []byte {
	b = appendSite(b, l.Site)
	for _, p := range l.Purposes {
		b = append(appendText(b, p.Text, p.Lang, p.State), bit(p.Since.IsZero()))
	}
	return b
}

func appendSite(b []byte, s Site) []byte {
	return appendText(b, s.ID, s.Name, s.URL, s.Controller.Name, s.Controller.Address, s.Controller.Contact, s.Controller.PrivacyURL)
}

// appendText writes each text behind its length, so that none runs into the next.
func appendText(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
