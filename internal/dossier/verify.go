package dossier

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
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
// the files are those of dossier.json, and that the events are those of the log's records.
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
		if e.EML == "" {
			continue
		}
		err := v.same("emails/"+e.ID+".eml", e.EML)
		if err == nil && sumOf([]byte(e.EML)) != e.EMLSHA256 {
			err = fmt.Errorf("its SHA-256 is another: the email was changed")
		}
		v.found("the email "+e.ID, err)
	}
}

func (v *verifier) receipts() {
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

func (v *verifier) log() {
	for _, l := range v.d.Log {
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
			err = v.events(l.Record, [32]byte(salt))
		}
		v.found(what, err)
	}
}

// events checks that every event of a record of the log is among those of the dossier, word for word. An IP that was
// cut since is not compared.
func (v *verifier) events(record string, salt [32]byte) error {
	var r struct {
		Subscription string
		Events       []consent.Step
	}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return fmt.Errorf("its record cannot be read: %w", err)
	}
	if r.Subscription != v.d.Subscription.ID {
		return fmt.Errorf("its record is of another subscription")
	}
	for _, logged := range r.Events {
		if logged.Action == consent.StepUnanswered { // a count, which goes on
			continue
		}
		if !v.has(logged, salt) {
			return fmt.Errorf("the event %s at %v is not as the log has it", logged.Action, logged.At)
		}
	}
	return nil
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
func isNetwork(ip string) bool { return strings.Contains(ip, "/") }

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
