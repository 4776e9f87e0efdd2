package dossier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/mimeparts"
	"github.com/optin/optin/templates"
)

// PagePolicy is the Content-Security-Policy of what HTML returns: it loads nothing, and its one style is its own.
func PagePolicy() string {
	return "default-src 'none'; style-src " + templates.DossierStyleSource() +
		"; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
}

// HTML returns the dossier as a document to be read and printed, in the language nearest to lang; empty: in that of the
// person.
func (m *Maker) HTML(d *Dossier, lang string) ([]byte, error) {
	is := d.Subscription
	set := m.Pages.Of(is.Site)
	locale := set.Nearest(lang, is.Locale)
	page := templates.Dossier{
		Site: m.Show(is.Site), Subject: is.Email, Made: d.MadeAt, HowToCheck: string(howToVerify),
	}
	page.Site.Style, page.Site.Logo = "", "" // it loads nothing
	if page.Subject == "" {
		page.Subject = is.ID
	}
	for _, p := range is.Purposes {
		page.Purposes = append(page.Purposes, templates.Purpose{
			ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since, Until: p.ValidUntil,
			Superseded: p.Reason == consent.ReasonSuperseded, Over: p.Reason == consent.ReasonValidity,
		})
	}
	words, err := d.addStatements(&page, set.Language(locale))
	if err != nil {
		return nil, err
	}
	for _, step := range d.Events {
		page.Steps = append(page.Steps, stepOf(step, words))
	}
	for _, e := range d.Emails {
		page.Emails = append(page.Emails, emailOf(e, d.messageID(e)))
	}
	for _, r := range d.Receipts {
		page.Receipts = append(page.Receipts, templates.ProofText{Name: r.ID, Text: r.Text})
	}
	for _, l := range d.Log {
		page.Log = append(page.Log, templates.LogEntry{Index: l.Index, Record: l.Record, Salt: l.Salt, Proof: l.Proof})
	}
	var b bytes.Buffer
	if err := m.Pages.Page(&b, locale, page); err != nil {
		return nil, fmt.Errorf("dossier: %w", err)
	}
	return b.Bytes(), nil
}

// addStatements adds every statement, in the order in which they were first shown, and returns their words by hash.
func (d *Dossier) addStatements(page *templates.Dossier, language string) (map[string]string, error) {
	words := map[string]string{}
	for _, step := range d.Events {
		for _, p := range step.Purposes {
			if _, known := words[p.SHA256]; known || d.Statements[p.SHA256] == nil {
				continue
			}
			var doc statement.Document
			if err := json.Unmarshal(d.Statements[p.SHA256], &doc); err != nil {
				return nil, fmt.Errorf("dossier: the statement %s: %w", p.SHA256, err)
			}
			words[p.SHA256] = doc.Text
			shown := templates.Statement{Document: doc, SHA256: p.SHA256}
			if doc.Language != language {
				shown.Lang = doc.Language
			}
			page.Statements = append(page.Statements, shown)
		}
	}
	return words, nil
}

// stepOf returns an event as the page shows it.
func stepOf(step consent.Step, words map[string]string) templates.Step {
	s := templates.Step{At: step.At, Action: string(step.Action), Count: step.Count}
	for _, p := range step.Purposes {
		if text := words[p.SHA256]; text != "" {
			s.Purposes = append(s.Purposes, text)
		} else {
			s.Purposes = append(s.Purposes, p.ID)
		}
	}
	if seen := step.Seen; seen != nil {
		s.Seen = templates.Facts{
			Method: string(seen.Method), IP: seen.IP, UserAgent: seen.UserAgent, Origin: seen.Origin, Reply: seen.Reply,
		}
	}
	if e := step.Email; e != nil {
		s.Seen.MessageID, s.Seen.SHA256 = e.MessageID, e.SHA256
	}
	if told := step.Told; told != nil {
		s.Seen.Told = []string{string(told.Event), told.Endpoint}
	}
	s.Seen.Receipt = step.Receipt
	if said := step.Attested; said != nil {
		s.Said = saidOf(said, step.Purposes)
	}
	return s
}

// saidOf returns what the website says of an event.
func saidOf(said *consent.Said, about []consent.StepPurpose) templates.Facts {
	known := func(words ...string) []string {
		return slices.DeleteFunc(words, func(w string) bool { return w == "" })
	}
	f := templates.Facts{
		At: said.At, IP: said.IP, UserAgent: said.UserAgent, How: known(string(said.Channel), said.Method),
		Page: strings.Join(known(said.Source, said.Page, said.Form), " · "),
	}
	for _, p := range about {
		if shown := said.Shown[p.ID]; shown != "" {
			f.Words = append(f.Words, shown)
		}
	}
	return f
}

// messageID returns the Message-ID of an email, with its brackets where all of it is known.
func (d *Dossier) messageID(e Email) string {
	for _, step := range d.Events {
		if step.Email != nil && step.Email.ID == e.ID && step.Email.MessageID != "" {
			return "<" + step.Email.MessageID + ">"
		}
	}
	return e.ID
}

// emailOf returns an email as it looked: its words are those of its plain text, which says the same as its other part.
func emailOf(e Email, messageID string) templates.SentEmail {
	sent := templates.SentEmail{
		At: e.TakenAt, MessageID: messageID, Reply: e.Reply, SHA256: e.SHA256, EMLSHA256: e.EMLSHA256,
		Signature: strings.TrimSpace(e.Signature),
	}
	m, err := mail.ReadMessage(strings.NewReader(e.EML))
	if err != nil {
		return sent
	}
	field := func(name string) string {
		plain, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil {
			return m.Header.Get(name)
		}
		return plain
	}
	sent.From, sent.To, sent.Date, sent.Subject = field("From"), field("To"), field("Date"), field("Subject")
	limits := mimeparts.Limits{Depth: 4, Parts: 16, Bytes: int64(len(e.EML))}
	// What cannot be read is left out: the file with the whole email is there.
	_ = mimeparts.Walk(textproto.MIMEHeader(m.Header), m.Body, limits, func(p mimeparts.Part) error {
		if p.Body == nil || p.Type != "text/plain" || sent.Text != "" {
			return nil
		}
		if body, err := p.Decode(); err == nil {
			text, _ := io.ReadAll(body)
			sent.Text = strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		}
		return nil
	})
	return sent
}
