// Package receipt implements the consent receipt: one text that says what a person agreed to, in which words, when, and
// at which website, and that an outsider verifies with a public key alone.
//
// A receipt is a compact JWS (RFC 7515) of type consent-receipt+jwt, whose payload has every mandatory field of ISO/IEC
// TS 27560:2023, by the names that the W3C's guide to it gives. It names no address, IP or browser, and has no end: it
// says what happened, and status.url whether it still stands. What it says follows from the record of the consent and
// from its Frame, and never from today's configuration; so a record keeps of its receipt only the signature.
//
// Version 1 of the payload never changes: signatures are over its bytes. A change is a version 2 beside it.
package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/optin/optin/confirm/statement"
)

// DefaultSchema is the profile of ISO/IEC TS 27560 that a receipt names unless the configuration has another.
const DefaultSchema = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"

// MediaType is that of a receipt (RFC 7519 section 10.3.1).
const MediaType = "application/jwt"

const frameVersion = 1

// Frame is what receipts of a site have in common, as it was when they were signed. It is kept for ever by its hash.
type Frame struct {
	Version int    `json:"version"`
	Issuer  string `json:"issuer"` // where the service is
	Site    string `json:"site"`   // the website's URL
	Schema  string `json:"schema_version"`
}

// Canonical returns the frame as it is kept, and its SHA-256 in lower-case hex.
func (f Frame) Canonical() (text []byte, sum string) {
	f.Version = frameVersion
	text, err := marshal(f)
	if err != nil {
		panic(err) // three strings
	}
	is := sha256.Sum256(text)
	return text, hex.EncodeToString(is[:])
}

// ParseFrame reads what Canonical wrote.
func ParseFrame(text []byte) (f Frame, err error) {
	if err = json.Unmarshal(text, &f); err == nil && f.Version != frameVersion {
		err = fmt.Errorf("receipt: a frame of version %d", f.Version)
	}
	return f, err
}

// Facts are what one confirmation is known by.
type Facts struct {
	ID       string // of the receipt
	Subject  string // a name for the person at the site, as a URN
	Record   string // the id of the subscription
	Asked    time.Time
	Deadline time.Time
	Given    time.Time
	Form     string        // of the website
	Method   string        // how the form was filled in
	Confirm  string        // how it was confirmed
	Validity time.Duration // from Given on; 0: until it is withdrawn
	Renewed  bool          // it had been given before, and would have ended
	Emails   []Email
	Agreed   []Agreed
}

// Agreed is one purpose that was confirmed.
type Agreed struct {
	SHA256   string // of the statement
	Document statement.Document
}

// Email is one that a relay had taken before the confirmation.
type Email struct {
	ID      string    `json:"id"` // the left side of its Message-ID
	SHA256  string    `json:"sha256"`
	TakenAt time.Time `json:"taken_at"`
}

// Payload is what a receipt says.
type Payload struct {
	Issuer     string       `json:"iss"`
	Subject    string       `json:"sub"`
	Audience   string       `json:"aud"`
	ID         string       `json:"jti"`
	IssuedAt   int64        `json:"iat"`
	Schema     string       `json:"schema_version"`
	ReceiptID  string       `json:"receipt_id"`
	Record     record       `json:"record"`
	Processing []Processing `json:"pii_processing"`
	Parties    []party      `json:"party_identification"`
	Events     []Event      `json:"event"`
	OptIn      optIn        `json:"double_opt_in"`
	Status     status       `json:"status"`
}

type record struct {
	ID        string `json:"record_id"`
	Principal string `json:"pii_principal_id"`
}

// Processing is one purpose.
type Processing struct {
	Notice      notice               `json:"privacy_notice"`
	Language    string               `json:"language"`
	Purpose     purpose              `json:"purpose"`
	PurposeType string               `json:"purpose_type"`
	Basis       string               `json:"lawful_basis"`
	PII         []pii                `json:"pii_information"`
	Controllers []string             `json:"pii_controllers"`
	Collection  string               `json:"collection_method"`
	Methods     []string             `json:"processing_method"`
	Storage     []string             `json:"storage_locations"`
	Retention   string               `json:"retention_period"`
	Law         string               `json:"jurisdiction"`
	Recipients  []string             `json:"recipient_third_parties"`
	Withdrawal  withdrawal           `json:"withdrawal_method"`
	Rights      []statement.Right    `json:"privacy_rights"`
	Authority   *statement.Authority `json:"authority_party,omitempty"`
	Service     string               `json:"service"`
}

type (
	notice struct {
		URL    string `json:"url"`
		SHA256 string `json:"sha256,omitempty"`
	}
	purpose struct {
		ID       string `json:"id"`
		Revision int    `json:"revision"`
		Text     string `json:"text"`
		SHA256   string `json:"text_sha256"`
		Words    string `json:"text_url"` // where the whole statement is
	}
	pii struct {
		Type     string `json:"pii_type"`
		Optional bool   `json:"pii_optional"`
	}
	withdrawal struct {
		How     string `json:"how"`
		Contact string `json:"contact"`
	}
	party struct {
		ID      string `json:"party_id"`
		Type    string `json:"party_type"`
		Role    string `json:"party_role"`
		Name    string `json:"party_name"`
		Address string `json:"party_address"`
		Contact string `json:"party_contact"`
		URL     string `json:"party_url"`
	}
	optIn struct {
		Form    string  `json:"form,omitempty"`
		Confirm string  `json:"confirmed_by"`
		Emails  []Email `json:"emails"`
	}
	status struct {
		URL string `json:"url"`
	}
)

// Event is one of the two moments of a consent.
type Event struct {
	At       time.Time `json:"event_time"`
	Type     string    `json:"event_type"`
	State    string    `json:"event_state"`
	Entity   string    `json:"entity_id"`
	Validity string    `json:"validity_duration"` // ISO 8601, or in words where it has no end
}

// controllerID names the controller within a receipt.
const controllerID = "party:controller"

// New returns what the receipt of a confirmation says, in version 1.
func New(f Frame, of Facts) Payload {
	given, validity := "ConsentGiven", "until withdrawn"
	if of.Renewed {
		given = "RenewedConsentGiven"
	}
	if of.Validity > 0 {
		validity = duration(of.Validity)
	}
	p := Payload{
		Issuer: f.Issuer, Subject: of.Subject, Audience: f.Site, ID: of.ID, IssuedAt: of.Given.Unix(), Schema: f.Schema,
		ReceiptID: of.ID, Record: record{of.Record, of.Subject},
		OptIn:  optIn{of.Form, of.Confirm, append([]Email{}, of.Emails...)},
		Status: status{f.Issuer + "/v1/receipts/" + of.ID},
		Events: []Event{
			{of.Asked, "eu-gdpr:A6-1-a", "ConsentRequested", of.Subject, duration(of.Deadline.Sub(of.Asked))},
			{of.Given, "eu-gdpr:A6-1-a", given, of.Subject, validity},
		},
	}
	for i, a := range of.Agreed {
		d := a.Document
		if i == 0 {
			p.Parties = []party{{
				ID: controllerID, Type: "organisation", Role: "pii_controller", Name: d.Controller.Name,
				Address: d.Controller.Address, Contact: d.Controller.Contact, URL: f.Site,
			}}
		}
		one := Processing{
			Language: d.Language, PurposeType: "dpv:DirectMarketing", Basis: "eu-gdpr:A6-1-a",
			Purpose: purpose{d.Purpose.ID, d.Purpose.Revision, d.Text, a.SHA256, f.Issuer + "/texts/" + a.SHA256},
			PII:     []pii{{"pd:EmailAddress", false}}, Controllers: []string{controllerID},
			Collection: of.Method, Methods: []string{"store", "send_email"}, Storage: []string{d.Controller.Country},
			Retention: d.Retention, Law: d.Controller.Country, Recipients: append([]string{}, d.Recipients...),
			Withdrawal: withdrawal{"the link in every email, at any time, without a login", d.Controller.Contact},
			Rights:     d.Rights, Authority: d.Authority, Service: f.Site,
		}
		if one.Retention == "" {
			one.Retention = "until withdrawn; afterwards as long as proof is needed"
		}
		if one.Rights == nil {
			one.Rights = statement.Rights()
		}
		if d.Notice != nil {
			one.Notice = notice{d.Notice.URL, d.Notice.SHA256}
		}
		p.Processing = append(p.Processing, one)
	}
	return p
}

// duration writes a duration in whole seconds as ISO 8601 does.
func duration(d time.Duration) string { return fmt.Sprintf("PT%dS", int64(d/time.Second)) }

// marshal writes JSON as it is signed: the fields in their order, nothing escaped for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
