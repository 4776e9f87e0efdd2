package dossier

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/receipt"
)

// Finding is one thing that was checked. Err is nil if it holds.
type Finding struct {
	What string
	Err  error
}

const maxPart = 64 << 20 // of a file in a ZIP, in bytes

// Verify checks a dossier as ZIP made it, with the keys of receipts and of the log: each of its parts by itself, that
// the files are those of dossier.json, that the events are those of the log's records, and that the subscription stands
// as the events say.
func Verify(file []byte, keys receipt.Keys, logKey string) (all []Finding, err error) {
	parts, err := unzip(file)
	if err != nil {
		return nil, err
	}
	var d Dossier
	strict := json.NewDecoder(bytes.NewReader(parts["dossier.json"]))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&d); err != nil || d.Version != Version {
		return nil, fmt.Errorf("dossier: dossier.json cannot be read: %w", err)
	}
	v := verifier{d: &d, parts: parts, keys: keys, logKey: logKey}
	v.statements()
	v.subscription()
	v.emails()
	v.receipts()
	v.log()
	v.page()
	v.rest()
	return v.all, nil
}

func unzip(file []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("dossier: %w", err)
	}
	parts := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("dossier: %s: %w", f.Name, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxPart))
		if err != nil {
			return nil, fmt.Errorf("dossier: %s was changed: %w", f.Name, err)
		}
		if _, twice := parts[f.Name]; twice {
			return nil, fmt.Errorf("dossier: %s is there twice", f.Name)
		}
		parts[f.Name] = b
	}
	return parts, nil
}

type verifier struct {
	d      *Dossier
	parts  map[string][]byte
	keys   receipt.Keys
	logKey string
	seen   []string // files that were checked
	all    []Finding
}

func (v *verifier) found(what string, err error) { v.all = append(v.all, Finding{what, err}) }

// same reports whether a file is as dossier.json has it.
func (v *verifier) same(name, content string) error {
	v.seen = append(v.seen, name)
	if b, ok := v.parts[name]; !ok {
		return fmt.Errorf("the file %s is missing", name)
	} else if string(b) != content {
		return fmt.Errorf("the file %s is not as dossier.json has it", name)
	}
	return nil
}

// compacted returns JSON without the white space that dossier.json has within.
func compacted(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return ""
	}
	return b.String()
}

func (v *verifier) statements() {
	for _, step := range v.d.Events {
		for _, p := range step.Purposes {
			if p.SHA256 != "" && v.d.Statements[p.SHA256] == nil {
				v.found("the words of "+p.ID, fmt.Errorf("the statement %s is missing", p.SHA256))
			}
		}
	}
	for sum, text := range v.d.Statements {
		plain := compacted(text)
		err := v.same("statements/"+sum+".json", plain)
		if err == nil && sumOf([]byte(plain)) != sum {
			err = fmt.Errorf("its SHA-256 is another: the words were changed")
		}
		v.found("the statement "+sum, err)
	}
}

func (v *verifier) emails() {
	for _, e := range v.d.Emails {
		var err error
		if !slices.ContainsFunc(v.d.Events, e.isTakenIn) {
			err = fmt.Errorf("no event says that a mail server took it then, with this hash and answer")
		}
		if err == nil && e.EML != "" {
			err = v.same("emails/"+e.ID+".eml", e.EML)
		}
		if err == nil && e.EML != "" && sumOf([]byte(e.EML)) != e.EMLSHA256 {
			err = fmt.Errorf("its SHA-256 is another: the email was changed")
		}
		v.found("the email "+e.ID, err)
	}
}

// isTakenIn reports whether an event says that a mail server took the email.
func (e Email) isTakenIn(step consent.Step) bool {
	return step.Action == consent.StepTaken && step.Email != nil && step.Email.ID == e.ID &&
		step.Email.SHA256 == e.SHA256 && step.At.Equal(e.TakenAt) && step.Seen != nil && step.Seen.Reply == e.Reply
}

func (v *verifier) receipts() {
	for _, step := range v.d.Events {
		is := func(r Receipt) bool { return r.ID == step.Receipt }
		if step.Receipt != "" && !slices.ContainsFunc(v.d.Receipts, is) {
			v.found("the receipt "+step.Receipt, fmt.Errorf("it is missing"))
		}
	}
	for _, r := range v.d.Receipts {
		what := "the receipt " + r.ID
		err := v.same("receipts/"+r.ID+".jwt", r.Text)
		var p receipt.Payload
		if err == nil {
			p, err = v.keys.Verify(r.Text)
		}
		if err == nil && p.ReceiptID != r.ID {
			err = fmt.Errorf("it is another receipt, %s", p.ReceiptID)
		}
		if err == nil {
			err = v.agrees(p)
		}
		v.found(what, err)
	}
}

// agrees compares a receipt with the events and statements.
func (v *verifier) agrees(p receipt.Payload) error {
	for _, step := range v.d.Events {
		if step.Receipt != p.ReceiptID {
			continue
		}
		if !step.At.Equal(p.Events[1].At) {
			return fmt.Errorf("it says that it was confirmed at %v, and the event says %v", p.Events[1].At, step.At)
		}
		if len(step.Purposes) != len(p.Processing) {
			return fmt.Errorf("it is about %d purposes, and the event about %d", len(p.Processing), len(step.Purposes))
		}
		for i, one := range p.Processing {
			if i >= len(step.Purposes) || step.Purposes[i].SHA256 != one.Purpose.SHA256 {
				return fmt.Errorf("it is about other words than the event")
			}
			if v.d.Statements[one.Purpose.SHA256] == nil {
				return fmt.Errorf("the statement %s is missing", one.Purpose.SHA256)
			}
		}
		return nil
	}
	return fmt.Errorf("no event is its confirmation")
}

// subscription checks that each purpose stands as the events say, in the words of its statement.
func (v *verifier) subscription() {
	confirmed := false
	for _, p := range v.d.Subscription.Purposes {
		confirmed = confirmed || p.State == consent.Confirmed
		if err := v.purpose(p); err != nil {
			v.found("where the purpose "+p.ID+" stands", err)
		}
	}
	if confirmed != (v.d.Subscription.State == consent.Confirmed) {
		v.found("where the subscription stands", fmt.Errorf("its purposes say something else"))
	}
}

func (v *verifier) purpose(p consent.PurposeStatus) error {
	var words struct{ Text string }
	if text := v.d.Statements[p.TextSHA256]; text != nil &&
		(json.Unmarshal(text, &words) != nil || words.Text != p.Text) {
		return fmt.Errorf("its words are not those of the statement %s", p.TextSHA256)
	}
	if p.State != consent.Confirmed {
		return nil
	}
	given := false
	for _, step := range v.d.Events {
		about := slices.IndexFunc(step.Purposes, func(about consent.StepPurpose) bool { return about.ID == p.ID })
		if about < 0 || step.At.Before(p.Since) {
			continue
		}
		switch step.Action {
		case consent.StepConfirmed:
			given = given || step.At.Equal(p.Since) && step.Purposes[about].SHA256 == p.TextSHA256
		case consent.StepWithdrawn, consent.StepDeclined, consent.StepSuperseded, consent.StepValidityEnded:
			if step.Purposes[about].SHA256 == p.TextSHA256 && step.Request == "" {
				return fmt.Errorf("it is said to be confirmed, and was %s at %v", step.Action, step.At)
			}
		}
	}
	if !given {
		return fmt.Errorf("no event is its confirmation at %v", p.Since)
	}
	return nil
}

// confirmations checks that every confirmation is in a record of the log.
func (v *verifier) confirmations(logged []consent.Step) {
	for _, step := range v.d.Events {
		is := func(l consent.Step) bool { return l.Action == step.Action && l.At.Equal(step.At) }
		consented := step.Action == consent.StepConfirmed && len(step.Purposes) > 0
		if v.logKey != "" && consented && !slices.ContainsFunc(logged, is) {
			v.found(fmt.Sprintf("the confirmation at %v", step.At), fmt.Errorf("no record of the log has it"))
		}
	}
}

func (v *verifier) log() {
	var logged []consent.Step
	defer func() { v.confirmations(logged) }()
	for n, l := range v.d.Log {
		name := fmt.Sprintf("log/%d.", l.Index)
		what := fmt.Sprintf("leaf %d of the log", l.Index)
		err := v.same(name+"record.json", l.Record)
		if err == nil {
			err = v.same(name+"salt", l.Salt)
		}
		if err == nil {
			err = v.same(name+"tlog-proof", l.Proof)
		}
		salt, bad := base64.StdEncoding.Strict().DecodeString(l.Salt)
		if err == nil && (bad != nil || len(salt) != 32) {
			err = fmt.Errorf("its salt cannot be read")
		}
		var index int64
		if err == nil {
			index, _, err = consentlog.VerifyProof([]byte(l.Proof), v.logKey, [32]byte(salt), []byte(l.Record))
		}
		if err == nil && index != l.Index {
			err = fmt.Errorf("the proof is of leaf %d", index)
		}
		if err == nil {
			var r logRecord
			r, err = v.events(l.Record, [32]byte(salt))
			if err == nil && n == len(v.d.Log)-1 && r.Email != v.d.Subscription.Email {
				err = fmt.Errorf("its record is about another address than the subscription")
			}
			logged = append(logged, r.Events...)
		}
		v.found(what, err)
	}
}

// logRecord is what a record of the log says that is compared.
type logRecord struct {
	Subscription string
	Email        string
	Events       []consent.Step
}

// events checks that every event of a record of the log is among those of the dossier, word for word. An IP that was
// cut since is not compared, and a request that led to no consent may have been deleted since.
func (v *verifier) events(record string, salt [32]byte) (r logRecord, err error) {
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return r, fmt.Errorf("its record cannot be read: %w", err)
	}
	if r.Subscription != v.d.Subscription.ID {
		return r, fmt.Errorf("its record is of another subscription")
	}
	for _, logged := range r.Events {
		if logged.Action == consent.StepUnanswered { // a count, which goes on
			continue
		}
		if !v.has(logged, salt) && !v.deleted(r, logged.Request) {
			return r, fmt.Errorf("the event %s at %v is not as the log has it", logged.Action, logged.At)
		}
	}
	return r, nil
}

// deleted reports whether a request of a record, or a signup that led to none, was not confirmed, and is not in the
// dossier any more.
func (v *verifier) deleted(r logRecord, request string) bool {
	of := func(s consent.Step) bool { return s.Request == request }
	confirmed := func(s consent.Step) bool { return of(s) && s.Action == consent.StepConfirmed }
	return request != "" && !slices.ContainsFunc(v.d.Events, of) && !slices.ContainsFunc(r.Events, confirmed)
}

func (v *verifier) has(logged consent.Step, salt [32]byte) bool {
	for _, step := range v.d.Events {
		if step.Action != logged.Action || !step.At.Equal(logged.At) {
			continue
		}
		if reflect.DeepEqual(committed(step, salt), committed(withoutCut(logged, step), [32]byte{})) {
			return true
		}
	}
	return false
}

// withoutCut returns a step of the log without commitments to IPs that were cut in the dossier since.
func withoutCut(logged, step consent.Step) consent.Step {
	if logged.Seen != nil && step.Seen != nil && isNetwork(step.Seen.IP) {
		seen := *logged.Seen
		seen.IP = ""
		logged.Seen = &seen
	}
	if logged.Attested != nil && step.Attested != nil && isNetwork(step.Attested.IP) {
		said := *logged.Attested
		said.IP = ""
		logged.Attested = &said
	}
	return logged
}

// isNetwork reports whether an IP was cut.
func isNetwork(ip string) bool {
	p, err := netip.ParsePrefix(ip)
	return err == nil && p.Masked().String() == ip && (p.Bits() == 24 || p.Bits() == 48)
}

// committed returns a step as the log has it. With a zero salt its values are commitments already.
func committed(step consent.Step, salt [32]byte) consent.Step {
	commit := func(what, value string) string {
		if salt == ([32]byte{}) {
			return value
		}
		if what == "ip" && isNetwork(value) {
			return ""
		}
		return confirm.Commitment(salt, what, value)
	}
	if step.Seen != nil {
		seen := *step.Seen
		seen.IP, seen.UserAgent = commit("ip", seen.IP), commit("user_agent", seen.UserAgent)
		step.Seen = &seen
	}
	if step.Attested != nil {
		said := *step.Attested
		said.IP, said.UserAgent = commit("ip", said.IP), commit("user_agent", said.UserAgent)
		step.Attested = &said
	}
	if step.Email != nil {
		email := *step.Email
		email.MessageID = "" // the log has its left side
		step.Email = &email
	}
	return step
}

// page checks that dossier.html is the page that was made with dossier.json.
func (v *verifier) page() {
	const name = "dossier.html"
	v.seen = append(v.seen, name)
	var err error
	if page, ok := v.parts[name]; !ok {
		err = fmt.Errorf("the file %s is missing", name)
	} else if sumOf(page) != v.d.PageSHA256 {
		err = fmt.Errorf("its SHA-256 is another than in dossier.json")
	}
	v.found("the page "+name, err)
}

// rest names files that dossier.json knows nothing of.
func (v *verifier) rest() {
	v.seen = append(v.seen, "dossier.json", "verify.txt", "jwks.json", "log.key")
	for name := range v.parts {
		known := false
		for _, seen := range v.seen {
			known = known || seen == name
		}
		if !known && !strings.HasSuffix(name, "/") {
			v.found("the file "+name, fmt.Errorf("dossier.json does not know it"))
		}
	}
}
