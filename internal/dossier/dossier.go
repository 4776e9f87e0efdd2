// Package dossier gathers everything that proves what one person agreed to: where their subscription stands, every
// action with its evidence, the words they were shown, each email that a relay took, receipts, and the proofs that the
// consent log has them.
//
// The page is made to be read and printed by people who know nothing of optin. The ZIP can be checked without our
// software: verify.txt says how, in plain words. Verify does the same. No link in a dossier works: the emails have the
// SHA-256 of each token in its place.
package dossier

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// MediaZIP is the media type of a dossier as a file with all its parts.
const MediaZIP = "application/zip"

// Version is the version of Dossier's form.
const Version = 1

// Maker makes dossiers.
type Maker struct {
	Service *confirm.Service
	Log     *consentlog.Log // nil: there is none
	Pages   *templates.Set
	Show    func(site string) templates.Site
	Now     func() time.Time
}

// Dossier is what is known of one person at one site.
type Dossier struct {
	Version      int                        `json:"version"`
	MadeAt       time.Time                  `json:"made_at"`
	Subscription consent.Status             `json:"subscription"` // without the link that withdraws
	Events       []consent.Step             `json:"events"`
	Statements   map[string]json.RawMessage `json:"statements"` // by their SHA-256
	Emails       []Email                    `json:"emails"`
	Receipts     []Receipt                  `json:"receipts"`
	Log          []LogRecord                `json:"log"`
	Keys         json.RawMessage            `json:"receipt_keys"`          // a JSON Web Key Set
	LogKey       string                     `json:"log_key,omitempty"`     // as signed notes spell it
	PageSHA256   string                     `json:"page_sha256,omitempty"` // in a ZIP: of dossier.html
}

// Email is one that a relay took.
type Email struct {
	ID        string    `json:"id"` // the left side of its Message-ID
	TakenAt   time.Time `json:"taken_at"`
	Reply     string    `json:"reply"`               // of the relay
	SHA256    string    `json:"sha256"`              // of all bytes that the relay took
	Unsigned  string    `json:"unsigned_sha256"`     // of those without the signature
	Signature string    `json:"signature,omitempty"` // its DKIM-Signature fields, where they were kept
	Rebuilt   bool      `json:"rebuilt"`             // the email was made again, and had the hash
	EML       string    `json:"eml,omitempty"`       // with the SHA-256 of the token in each link
	EMLSHA256 string    `json:"eml_sha256,omitempty"`
}

// Receipt is one consent receipt.
type Receipt struct {
	ID   string `json:"id"`
	Text string `json:"jwt"`
}

// LogRecord is one leaf of the consent log about the person, with what it commits to.
type LogRecord struct {
	Index  int64  `json:"index"`
	Record string `json:"record"` // canonical JSON
	Salt   string `json:"salt"`   // base64
	Proof  string `json:"proof"`  // C2SP tlog-proof, with a signed checkpoint
}

// Make makes the dossier of a subscription; store.ErrNotFound.
func (m *Maker) Make(ctx context.Context, site, id string) (*Dossier, error) {
	st, err := m.Service.Website.ByID(ctx, site, id)
	if err != nil {
		return nil, err
	}
	st.UnsubscribeURL = nil // a link that works
	d := &Dossier{
		Version: Version, MadeAt: m.Now().UTC().Truncate(time.Millisecond), Subscription: st,
		Statements: map[string]json.RawMessage{}, Emails: []Email{}, Receipts: []Receipt{}, Log: []LogRecord{},
	}
	if d.Events, err = m.Service.Website.Timeline(ctx, site, id); err != nil {
		return nil, err
	}
	if d.Keys, err = m.Service.ReceiptKeys(); err != nil {
		return nil, err
	}
	for _, add := range []func(context.Context, *Dossier, store.Key) error{m.statements, m.receipts, m.emails, m.log} {
		if err := add(ctx, d, store.Key{Site: site, ID: id}); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// ForPerson puts networks in the place of the IPs of signups that nobody confirmed: it may have been another who
// entered the address, and the copy of a person's data must not harm others (GDPR article 15(4)). Verify passes over
// them.
func (d *Dossier) ForPerson() *Dossier {
	confirmed := map[string]bool{}
	for _, step := range d.Events {
		if step.Action == consent.StepConfirmed {
			confirmed[step.Request] = true
		}
	}
	for i := range d.Events {
		step := &d.Events[i]
		others := step.Action == consent.StepAsked && !confirmed[step.Request]
		if !others {
			continue
		}
		if step.Seen != nil {
			step.Seen.IP = consent.CutIP(step.Seen.IP)
		}
		if step.Attested != nil {
			step.Attested.IP = consent.CutIP(step.Attested.IP)
		}
	}
	return d
}

func (m *Maker) statements(ctx context.Context, d *Dossier, _ store.Key) error {
	for _, step := range d.Events {
		for _, p := range step.Purposes {
			if p.SHA256 == "" || d.Statements[p.SHA256] != nil {
				continue
			}
			_, canonical, err := m.Service.Statement(ctx, p.SHA256)
			if err != nil {
				return fmt.Errorf("dossier: the store has lost the statement %s: %w", p.SHA256, err)
			}
			d.Statements[p.SHA256] = canonical
		}
	}
	return nil
}

func (m *Maker) receipts(ctx context.Context, d *Dossier, key store.Key) error {
	for _, step := range d.Events {
		if step.Receipt == "" {
			continue
		}
		text, err := m.Service.Website.Receipt(ctx, key.Site, key.ID, step.Request)
		if err != nil {
			return err
		}
		d.Receipts = append(d.Receipts, Receipt{step.Receipt, text})
	}
	return nil
}

func (m *Maker) emails(ctx context.Context, d *Dossier, key store.Key) error {
	sent, err := m.Service.Relay.Sent(ctx, key)
	if err != nil {
		return err
	}
	for _, s := range sent {
		e := Email{
			ID: s.Messages[0].ID, TakenAt: s.Delivery.At, Reply: s.Delivery.Reply, SHA256: s.Delivery.SHA256,
			Unsigned: s.Delivery.Unsigned, Signature: s.Delivery.Signature,
		}
		// An email whose skeleton or links cannot be made again is listed by what is known of it.
		if raw, redacted, err := mailer.Redacted(s); err == nil {
			whole := append([]byte(e.Signature), raw...)
			e.Rebuilt = e.Signature == "" || sumOf(whole) == e.SHA256
			e.EML, e.EMLSHA256 = string(redacted), sumOf(redacted)
		}
		d.Emails = append(d.Emails, e)
	}
	return nil
}

func (m *Maker) log(_ context.Context, d *Dossier, key store.Key) error {
	if m.Log == nil {
		return nil
	}
	d.LogKey = m.Log.PublicKey()
	id, err := base64.RawURLEncoding.Strict().DecodeString(key.ID)
	if err != nil || len(id) != len(consentlog.Person{}) {
		return store.ErrNotFound
	}
	leaves, err := m.Log.Of(consentlog.Person(id))
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		proof, err := m.Log.Prove(leaf.Index)
		if errors.Is(err, consentlog.ErrUnpublished) {
			continue
		}
		if err != nil {
			return err
		}
		d.Log = append(d.Log, LogRecord{
			leaf.Index, string(leaf.Record), base64.StdEncoding.EncodeToString(leaf.Salt[:]), string(proof),
		})
	}
	return nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// JSON returns the dossier as one document.
func (d *Dossier) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}

//go:embed verify.txt
var howToVerify []byte

// ZIP returns the dossier as a file with all its parts, its page as HTML returns it.
func (m *Maker) ZIP(d *Dossier, lang string) ([]byte, error) {
	page, err := m.HTML(d, lang)
	if err != nil {
		return nil, err
	}
	d.PageSHA256 = sumOf(page)
	return d.zip(page)
}

func (d *Dossier) zip(page []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var failed error
	put := func(name string, content []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: d.MadeAt})
		if err == nil {
			_, err = w.Write(content)
		}
		failed = errors.Join(failed, err)
	}
	whole, err := d.JSON()
	if err != nil {
		return nil, err
	}
	put("verify.txt", howToVerify)
	put("dossier.json", whole)
	put("dossier.html", page)
	put("jwks.json", d.Keys)
	if d.LogKey != "" {
		put("log.key", []byte(d.LogKey+"\n"))
	}
	for sum, text := range d.Statements {
		put("statements/"+sum+".json", text)
	}
	for _, e := range d.Emails {
		if e.EML != "" {
			put("emails/"+e.ID+".eml", []byte(e.EML))
		}
	}
	for _, r := range d.Receipts {
		put("receipts/"+r.ID+".jwt", []byte(r.Text))
	}
	for _, l := range d.Log {
		name := fmt.Sprintf("log/%d.", l.Index)
		put(name+"record.json", []byte(l.Record))
		put(name+"salt", []byte(l.Salt))
		put(name+"tlog-proof", []byte(l.Proof))
	}
	if err := errors.Join(failed, z.Close()); err != nil {
		return nil, fmt.Errorf("dossier: %w", err)
	}
	return b.Bytes(), nil
}
