package confirm

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
)

// A record is CBOR (RFC 8949) in its deterministic form, with whole numbers for keys: what it says is small, and there
// are many of them. The numbers, and the order of the lists of words below, are part of the data and never change. Each
// text and each IP stands once, in a list, and is named by its place there. Hashes and ids are bytes. Times are in
// milliseconds from when the record was created, so that most of them are short.

// The words that a record names by their place, from 1.
var (
	methodCodes = []consent.Method{
		consent.ByHostedForm, consent.ByForm, consent.ByAPI, consent.ByLink, consent.ByBrowser, consent.ByOneClick,
		consent.ByRelay, consent.ByClock, consent.ByServer, consent.ByReport, consent.ByComplaint, consent.ByRevision,
	}
	stateCodes = []consent.State{
		consent.Pending, consent.Confirmed, consent.Declined, consent.Withdrawn, consent.Expired, consent.Undeliverable,
	}
	reasonCodes = []consent.Reason{consent.ReasonResend, consent.ReasonReminder}
	eventCodes  = []consent.EventType{
		consent.EventConfirmed, consent.EventDeclined, consent.EventWithdrawn, consent.EventExpired,
		consent.EventUndeliverable, consent.EventErased,
	}
)

// The shapes of a record. A reference is the place of a text or an IP in its list, from 1; 0: none. A moment is the
// time since Created in ms, and 1 more if that is not negative; 0: no time.
type (
	reference int
	moment    int64

	subscriptionData struct {
		Address      string         `cbor:"1,keyasint,omitempty"`
		Locale       string         `cbor:"2,keyasint,omitempty"`
		Created      int64          `cbor:"3,keyasint,omitempty"` // ms since 1970
		Changed      moment         `cbor:"4,keyasint,omitempty"`
		Texts        []string       `cbor:"5,keyasint,omitempty"`
		IPs          [][]byte       `cbor:"6,keyasint,omitempty"`
		Requests     []requestData  `cbor:"7,keyasint,omitempty"`
		Consents     []consentData  `cbor:"8,keyasint,omitempty"`
		Refusals     []refusalData  `cbor:"9,keyasint,omitempty"`
		Notices      []noticeData   `cbor:"10,keyasint,omitempty"`
		Unanswered   unansweredData `cbor:"11,keyasint,omitzero"`
		WithdrawnAt  moment         `cbor:"12,keyasint,omitempty"`
		HistorySince moment         `cbor:"13,keyasint,omitempty"`
		EmailTimes   []moment       `cbor:"14,keyasint,omitempty"`
		MovedTo      []byte         `cbor:"15,keyasint,omitempty"`
		Told         []toldData     `cbor:"16,keyasint,omitempty"`
	}
	requestData struct {
		ID         []byte          `cbor:"1,keyasint,omitempty"`
		Asked      evidenceData    `cbor:"2,keyasint,omitzero"`
		Renewed    *evidenceData   `cbor:"3,keyasint,omitempty"`
		Statements []statementData `cbor:"4,keyasint,omitempty"`
		Locale     reference       `cbor:"5,keyasint,omitempty"` // 0: that of the subscription
		Deadline   moment          `cbor:"6,keyasint,omitempty"`
		Browser    []byte          `cbor:"7,keyasint,omitempty"`
		State      int             `cbor:"8,keyasint,omitempty"`
		Closed     *evidenceData   `cbor:"9,keyasint,omitempty"`
		Emails     []emailData     `cbor:"10,keyasint,omitempty"`
		RemindAt   moment          `cbor:"11,keyasint,omitempty"`
	}
	statementData struct {
		Purpose  string    `cbor:"1,keyasint,omitempty"`
		Revision int       `cbor:"2,keyasint,omitempty"`
		SHA256   []byte    `cbor:"3,keyasint,omitempty"`
		Shown    reference `cbor:"4,keyasint,omitempty"`
	}
	// consentData names the statement of a request by their places, from 0.
	consentData struct {
		Request    int           `cbor:"1,keyasint,omitempty"`
		Statement  int           `cbor:"2,keyasint,omitempty"`
		State      int           `cbor:"3,keyasint,omitempty"`
		Given      moment        `cbor:"4,keyasint,omitempty"`
		Ended      *evidenceData `cbor:"5,keyasint,omitempty"`
		Superseded moment        `cbor:"6,keyasint,omitempty"`
	}
	refusalData struct {
		Declined  evidenceData  `cbor:"1,keyasint,omitzero"`
		Unblocked *evidenceData `cbor:"2,keyasint,omitempty"`
	}
	noticeData struct {
		ID    []byte       `cbor:"1,keyasint,omitempty"`
		Asked evidenceData `cbor:"2,keyasint,omitzero"`
		Email emailData    `cbor:"3,keyasint,omitzero"`
	}
	unansweredData struct {
		N     int    `cbor:"1,keyasint,omitempty"`
		First moment `cbor:"2,keyasint,omitempty"`
		Last  moment `cbor:"3,keyasint,omitempty"`
	}
	evidenceData struct {
		At        moment        `cbor:"1,keyasint,omitempty"`
		How       int           `cbor:"2,keyasint,omitempty"`
		IP        reference     `cbor:"3,keyasint,omitempty"`
		UserAgent reference     `cbor:"4,keyasint,omitempty"`
		Origin    reference     `cbor:"5,keyasint,omitempty"`
		Source    reference     `cbor:"6,keyasint,omitempty"`
		Form      reference     `cbor:"7,keyasint,omitempty"`
		PageMade  moment        `cbor:"8,keyasint,omitempty"`
		Reply     reference     `cbor:"9,keyasint,omitempty"`
		Channel   reference     `cbor:"10,keyasint,omitempty"`
		Detail    reference     `cbor:"11,keyasint,omitempty"`
		Attested  *attestedData `cbor:"12,keyasint,omitempty"`
	}
	attestedData struct {
		IP        reference `cbor:"1,keyasint,omitempty"`
		UserAgent reference `cbor:"2,keyasint,omitempty"`
		Page      reference `cbor:"3,keyasint,omitempty"`
		At        moment    `cbor:"4,keyasint,omitempty"`
	}
	emailData struct {
		Reason  int           `cbor:"1,keyasint,omitempty"`
		Queued  moment        `cbor:"2,keyasint,omitempty"`
		Due     moment        `cbor:"3,keyasint,omitempty"` // 0: when it was queued
		Tries   int           `cbor:"4,keyasint,omitempty"`
		Answers []answerData  `cbor:"5,keyasint,omitempty"`
		Taken   *deliveryData `cbor:"6,keyasint,omitempty"`
		Bounced *evidenceData `cbor:"7,keyasint,omitempty"`
	}
	toldData struct {
		At       moment    `cbor:"1,keyasint,omitempty"`
		Event    int       `cbor:"2,keyasint,omitempty"`
		Endpoint reference `cbor:"3,keyasint,omitempty"`
	}
	answerData struct {
		At    moment    `cbor:"1,keyasint,omitempty"`
		Reply reference `cbor:"2,keyasint,omitempty"`
	}
	deliveryData struct {
		At        moment    `cbor:"1,keyasint,omitempty"`
		Reply     reference `cbor:"2,keyasint,omitempty"`
		SHA256    []byte    `cbor:"3,keyasint,omitempty"`
		Unsigned  []byte    `cbor:"4,keyasint,omitempty"` // absent: the same as SHA256
		Skeleton  []byte    `cbor:"5,keyasint,omitempty"`
		Signature string    `cbor:"6,keyasint,omitempty"`
	}
)

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // our own options
	}
	return v
}

// encodeSubscription returns the data of a record. It fails for what no service makes: an id or a hash that is none.
func encodeSubscription(s consent.Subscription) ([]byte, error) {
	e := encoder{created: s.Created}
	d := subscriptionData{
		Address: s.Address.String(), Locale: s.Locale, Changed: e.moment(s.Changed),
		WithdrawnAt: e.moment(s.WithdrawnAt), HistorySince: e.moment(s.HistorySince), MovedTo: e.id(s.MovedTo),
		Unanswered: unansweredData{s.Unanswered.N, e.moment(s.Unanswered.First), e.moment(s.Unanswered.Last)},
	}
	if s.Address.IsZero() {
		d.Address = ""
	}
	if !s.Created.IsZero() {
		d.Created = s.Created.UnixMilli()
	}
	for _, r := range s.Requests {
		d.Requests = append(d.Requests, e.request(r, s.Locale))
	}
	for _, c := range s.Consents {
		d.Consents = append(d.Consents, e.consent(c, s.Requests))
	}
	for _, r := range s.Refusals {
		d.Refusals = append(d.Refusals, refusalData{e.evidence(r.Declined), e.optional(r.Unblocked)})
	}
	for _, n := range s.Notices {
		d.Notices = append(d.Notices, noticeData{e.id(n.ID), e.evidence(n.Asked), e.email(n.Email)})
	}
	for _, t := range s.EmailTimes {
		d.EmailTimes = append(d.EmailTimes, e.moment(t))
	}
	for _, t := range s.Told {
		d.Told = append(d.Told, toldData{e.moment(t.At), code(&e, eventCodes, t.Event), e.text(t.Endpoint)})
	}
	d.Texts, d.IPs = e.texts, e.ips
	if e.err != nil {
		return nil, e.err
	}
	plain, err := encMode.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("confirm: encode: %w", err)
	}
	return pack(plain), nil
}

// encoder gathers the texts and IPs of a record, and the first error.
type encoder struct {
	created time.Time
	texts   []string
	ips     [][]byte
	err     error
}

func (e *encoder) fail(what, value string) {
	if e.err == nil {
		e.err = fmt.Errorf("confirm: encode: %s of %d bytes that is none", what, len(value))
	}
}

func (e *encoder) moment(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	ms := t.UnixMilli()
	if !e.created.IsZero() {
		ms -= e.created.UnixMilli()
	}
	if ms >= 0 {
		ms++
	}
	return moment(ms)
}

func (e *encoder) text(s string) reference {
	if s == "" {
		return 0
	}
	if i := slices.Index(e.texts, s); i >= 0 {
		return reference(i + 1)
	}
	e.texts = append(e.texts, s)
	return reference(len(e.texts))
}

func (e *encoder) ip(s string) reference {
	if s == "" {
		return 0
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		e.fail("an IP", s)
		return 0
	}
	for i, ip := range e.ips {
		if string(ip) == string(a.AsSlice()) {
			return reference(i + 1)
		}
	}
	e.ips = append(e.ips, a.AsSlice())
	return reference(len(e.ips))
}

func (e *encoder) id(s string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		e.fail("an id", s)
	}
	return b
}

func (e *encoder) hash(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || s != hex.EncodeToString(b) {
		e.fail("a hash", s)
	}
	return b
}

// code returns the place of a word in its list, from 1; 0 for none.
func code[T ~string](e *encoder, all []T, word T) int {
	if word == "" {
		return 0
	}
	i := slices.Index(all, word)
	if i < 0 {
		e.fail("a word", string(word))
	}
	return i + 1
}

func (e *encoder) optional(ev *consent.Evidence) *evidenceData {
	if ev == nil {
		return nil
	}
	d := e.evidence(*ev)
	return &d
}

func (e *encoder) evidence(ev consent.Evidence) evidenceData {
	d := evidenceData{
		At: e.moment(ev.At), How: code(e, methodCodes, ev.How), IP: e.ip(ev.IP), UserAgent: e.text(ev.UserAgent),
		Origin: e.text(ev.Origin), Source: e.text(ev.Source), Form: e.text(ev.Form), PageMade: e.moment(ev.PageMade),
		Reply: e.text(ev.Reply), Channel: e.text(ev.Channel), Detail: e.text(ev.Detail),
	}
	if a := ev.Attested; a != nil {
		d.Attested = &attestedData{e.ip(a.IP), e.text(a.UserAgent), e.text(a.Page), e.moment(a.At)}
	}
	return d
}

func (e *encoder) request(r consent.Request, locale string) requestData {
	d := requestData{
		ID: e.id(r.ID), Asked: e.evidence(r.Asked), Renewed: e.optional(r.Renewed), Deadline: e.moment(r.Deadline),
		Browser: e.id(r.Browser), State: code(e, stateCodes, r.State), Closed: e.optional(r.Closed),
		RemindAt: e.moment(r.RemindAt),
	}
	if r.Locale != locale {
		d.Locale = e.text(r.Locale)
	}
	for _, st := range r.Statements {
		d.Statements = append(d.Statements, statementData{st.Purpose, st.Revision, e.hash(st.SHA256), e.text(st.Shown)})
	}
	for _, m := range r.Emails {
		d.Emails = append(d.Emails, e.email(m))
	}
	return d
}

func (e *encoder) email(m consent.Email) emailData {
	d := emailData{
		Reason: code(e, reasonCodes, m.Reason), Queued: e.moment(m.Queued), Tries: m.Tries,
		Bounced: e.optional(m.Bounced),
	}
	if !m.Due.Equal(m.Queued) {
		d.Due = e.moment(m.Due)
	}
	for _, a := range m.Answers {
		d.Answers = append(d.Answers, answerData{e.moment(a.At), e.text(a.Reply)})
	}
	if t := m.Taken; t != nil {
		d.Taken = &deliveryData{
			At: e.moment(t.At), Reply: e.text(t.Reply), SHA256: e.hash(t.SHA256), Skeleton: e.hash(t.Skeleton),
			Signature: t.Signature,
		}
		if t.Unsigned != t.SHA256 {
			d.Taken.Unsigned = e.hash(t.Unsigned)
		}
	}
	return d
}

// consent names a consent's statement by its request, which is kept as long.
func (e *encoder) consent(c consent.Consent, requests consent.Requests) consentData {
	d := consentData{
		State: code(e, stateCodes, c.State), Given: e.moment(c.Given), Ended: e.optional(c.Ended),
		Superseded: e.moment(c.Superseded),
	}
	d.Request = slices.IndexFunc(requests, func(r consent.Request) bool { return r.ID == c.RequestID })
	if d.Request < 0 {
		e.fail("a consent without its request", c.RequestID)
		return d
	}
	if d.Statement = slices.Index(requests[d.Request].Statements, c.Statement); d.Statement < 0 {
		e.fail("a consent without its statement", c.Purpose)
	}
	return d
}

// errDamaged means that a record holds what encodeSubscription does not write.
var errDamaged = errors.New("confirm: the record is damaged, or was written by a newer optin")

// decodeSubscription reads what encodeSubscription wrote.
func decodeSubscription(data []byte, site string) (consent.Subscription, error) {
	plain, err := unpack(data)
	if err != nil {
		return consent.Subscription{}, err
	}
	var d subscriptionData
	if err := decMode.Unmarshal(plain, &d); err != nil {
		return consent.Subscription{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	x := decoder{texts: d.Texts, ips: d.IPs}
	s := consent.Subscription{Site: site, Locale: d.Locale}
	if d.Created != 0 {
		x.created = time.UnixMilli(d.Created).UTC()
		s.Created = x.created
	}
	if d.Address != "" {
		if s.Address, err = address.Parse(d.Address); err != nil {
			x.damaged = true
		}
	}
	s.Changed, s.WithdrawnAt, s.HistorySince = x.time(d.Changed), x.time(d.WithdrawnAt), x.time(d.HistorySince)
	s.MovedTo = x.id(d.MovedTo)
	s.Unanswered = consent.Unanswered{
		N: d.Unanswered.N, First: x.time(d.Unanswered.First), Last: x.time(d.Unanswered.Last),
	}
	for _, r := range d.Requests {
		s.Requests = append(s.Requests, x.request(r, d.Locale))
	}
	for _, c := range d.Consents {
		s.Consents = append(s.Consents, x.consent(c, s.Requests))
	}
	for _, r := range d.Refusals {
		s.Refusals = append(s.Refusals, consent.Refusal{
			Declined: x.evidence(r.Declined), Unblocked: x.optional(r.Unblocked),
		})
	}
	for _, n := range d.Notices {
		s.Notices = append(s.Notices, consent.Notice{
			ID: x.id(n.ID), Asked: x.evidence(n.Asked), Email: x.email(n.Email),
		})
	}
	for _, t := range d.EmailTimes {
		s.EmailTimes = append(s.EmailTimes, x.time(t))
	}
	for _, t := range d.Told {
		told := consent.Told{At: x.time(t.At), Event: pick(&x, eventCodes, t.Event), Endpoint: x.text(t.Endpoint)}
		s.Told = append(s.Told, told)
	}
	if x.damaged {
		return consent.Subscription{}, errDamaged
	}
	return s, nil
}

// decoder looks up the texts and IPs of a record.
type decoder struct {
	created time.Time
	texts   []string
	ips     [][]byte
	damaged bool // something is not what encodeSubscription writes
}

func (x *decoder) time(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	if m > 0 {
		m--
	}
	if x.created.IsZero() {
		return time.UnixMilli(int64(m)).UTC()
	}
	return time.UnixMilli(x.created.UnixMilli() + int64(m)).UTC() // a Duration has no room for what websites attest
}

// pick returns what stands at a place in a list, from 1; nothing for 0.
func pick[T any](x *decoder, all []T, place int) (none T) {
	if place == 0 {
		return none
	}
	if place < 0 || place > len(all) {
		x.damaged = true
		return none
	}
	return all[place-1]
}

func (x *decoder) text(r reference) string { return pick(x, x.texts, int(r)) }

func (x *decoder) ip(r reference) string {
	if r == 0 {
		return ""
	}
	a, ok := netip.AddrFromSlice(pick(x, x.ips, int(r)))
	x.damaged = x.damaged || !ok
	return a.String()
}

func (x *decoder) id(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (x *decoder) optional(d *evidenceData) *consent.Evidence {
	if d == nil {
		return nil
	}
	e := x.evidence(*d)
	return &e
}

func (x *decoder) evidence(d evidenceData) consent.Evidence {
	e := consent.Evidence{
		At: x.time(d.At), How: pick(x, methodCodes, d.How), IP: x.ip(d.IP), UserAgent: x.text(d.UserAgent),
		Origin: x.text(d.Origin), Source: x.text(d.Source), Form: x.text(d.Form), PageMade: x.time(d.PageMade),
		Reply: x.text(d.Reply), Channel: x.text(d.Channel), Detail: x.text(d.Detail),
	}
	if a := d.Attested; a != nil {
		e.Attested = &consent.Attested{
			IP: x.ip(a.IP), UserAgent: x.text(a.UserAgent), Page: x.text(a.Page), At: x.time(a.At),
		}
	}
	return e
}

func (x *decoder) request(d requestData, locale string) consent.Request {
	r := consent.Request{
		ID: x.id(d.ID), Asked: x.evidence(d.Asked), Renewed: x.optional(d.Renewed), Locale: locale,
		Deadline: x.time(d.Deadline), Browser: x.id(d.Browser), State: pick(x, stateCodes, d.State),
		Closed: x.optional(d.Closed), RemindAt: x.time(d.RemindAt),
	}
	if d.Locale != 0 {
		r.Locale = x.text(d.Locale)
	}
	for _, st := range d.Statements {
		r.Statements = append(r.Statements, consent.Statement{
			Purpose: st.Purpose, Revision: st.Revision, SHA256: hex.EncodeToString(st.SHA256), Shown: x.text(st.Shown),
		})
	}
	for _, m := range d.Emails {
		r.Emails = append(r.Emails, x.email(m))
	}
	x.damaged = x.damaged || len(r.Emails) == 0 || r.State != consent.Pending && r.Closed == nil
	return r
}

func (x *decoder) email(d emailData) consent.Email {
	m := consent.Email{
		Reason: pick(x, reasonCodes, d.Reason), Queued: x.time(d.Queued), Due: x.time(d.Due), Tries: d.Tries,
		Bounced: x.optional(d.Bounced),
	}
	if d.Due == 0 {
		m.Due = m.Queued
	}
	for _, a := range d.Answers {
		m.Answers = append(m.Answers, consent.Answer{At: x.time(a.At), Reply: x.text(a.Reply)})
	}
	if t := d.Taken; t != nil {
		m.Taken = &consent.Delivery{
			At: x.time(t.At), Reply: x.text(t.Reply), SHA256: hex.EncodeToString(t.SHA256),
			Unsigned: hex.EncodeToString(t.Unsigned), Skeleton: hex.EncodeToString(t.Skeleton), Signature: t.Signature,
		}
		if t.Unsigned == nil {
			m.Taken.Unsigned = m.Taken.SHA256
		}
	}
	return m
}

func (x *decoder) consent(d consentData, requests consent.Requests) consent.Consent {
	if d.Request < 0 || d.Request >= len(requests) ||
		d.Statement < 0 || d.Statement >= len(requests[d.Request].Statements) {
		x.damaged = true
		return consent.Consent{}
	}
	r := requests[d.Request]
	return consent.Consent{
		Statement: r.Statements[d.Statement], RequestID: r.ID, State: pick(x, stateCodes, d.State),
		Given: x.time(d.Given), Ended: x.optional(d.Ended), Superseded: x.time(d.Superseded),
	}
}
