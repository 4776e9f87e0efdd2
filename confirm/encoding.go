package confirm

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

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
	reasonCodes  = []consent.Reason{consent.ReasonResend, consent.ReasonReminder}
	refusalCodes = []consent.RefusalReason{
		consent.RefusalRecipient, consent.RefusalMailbox, consent.RefusalSystem, consent.RefusalSender,
		consent.RefusalFlood, consent.RefusalUnknown,
	}
	eventCodes = []consent.EventType{
		consent.EventConfirmed, consent.EventDeclined, consent.EventWithdrawn, consent.EventExpired,
		consent.EventUndeliverable, consent.EventErased,
	}
)

// The fields of a record. A reference is the place of a text or an IP in its list, from 1. A moment is the time since
// Created in ms, and 1 more if that is not negative. What is zero or empty is left out.
const (
	subAddress = 1 + iota
	subLocale
	subCreated // ms since 1970
	subChanged
	subTexts
	subIPs
	subRequests
	subConsents
	subRefusals
	subNotices
	subUnanswered
	subWithdrawnAt
	subHistorySince
	subEmailTimes
	subMovedTo
	subTold
)

// Of a request.
const (
	requestID = 1 + iota
	requestAsked
	requestRenewed
	requestStatements
	requestLocale // a reference; left out: that of the subscription
	requestDeadline
	requestBrowser
	requestState
	requestClosed
	requestEmails
	requestRemindAt
	requestReceipt
	requestAddress // left out: that of the subscription
)

// Of a receipt.
const (
	receiptID = 1 + iota
	receiptFrame
	receiptKey
	receiptEmails
	receiptSignature
)

// Of a statement.
const (
	statementPurpose = 1 + iota
	statementRevision
	statementSHA256
	statementShown
)

// Of a consent, which names the statement of a request by their places, from 0.
const (
	consentRequest = 1 + iota
	consentStatement
	consentState
	consentGiven
	consentEnded
	consentSuperseded
)

// Of a refusal.
const (
	refusalDeclined = 1 + iota
	refusalUnblocked
	refusalMailbox
)

// Of a notice.
const (
	noticeID = 1 + iota
	noticeAsked
	noticeEmail
	noticeAddress // as of a request
)

// Of the count of signups for which no email was due.
const (
	unansweredN = 1 + iota
	unansweredFirst
	unansweredLast
)

// Of an event that a website was told.
const (
	toldAt = 1 + iota
	toldEvent
	toldEndpoint
)

// Of evidence.
const (
	evidenceAt = 1 + iota
	evidenceHow
	evidenceIP
	evidenceUserAgent
	evidenceOrigin
	evidenceSource
	evidenceForm
	evidencePageMade
	evidenceReply
	evidenceChannel
	evidenceDetail
	evidenceAttested
)

// Of what a website attests.
const (
	attestedIP = 1 + iota
	attestedUserAgent
	attestedPage
	attestedAt
)

// Of an email.
const (
	emailReason = 1 + iota
	emailQueued
	emailDue // left out: when it was queued
	emailTries
	emailAnswers
	emailTaken
	emailBounced
)

// Of an answer of a relay.
const (
	answerAt = 1 + iota
	answerReply
	answerReason
)

// Of a relay's acceptance.
const (
	deliveryAt = 1 + iota
	deliveryReply
	deliverySHA256
	deliveryUnsigned // left out: the same as deliverySHA256
	deliverySkeleton
	deliverySignature
)

// encodeSubscription returns the data of a record. It fails for what no service makes: an id or a hash that is none.
func encodeSubscription(s consent.Subscription) ([]byte, error) {
	plain, err := encodePlain(s)
	if err != nil {
		return nil, err
	}
	return pack(plain), nil
}

// encodePlain is encodeSubscription without packing.
func encodePlain(s consent.Subscription) ([]byte, error) {
	// What names texts and IPs is written first, though it stands behind them.
	e := encoder{created: s.Created, cborWriter: cborWriter{make([]byte, 0, 512)}}
	rest := e.openMap()
	e.requests(rest, s)
	e.history(rest, s)
	if e.err != nil {
		return nil, e.err
	}
	w := cborWriter{make([]byte, 0, len(e.b)+512)}
	m := w.openMap()
	w.textField(m, subAddress, s.Address.String())
	w.textField(m, subLocale, s.Locale)
	if !s.Created.IsZero() {
		w.intField(m, subCreated, s.Created.UnixMilli())
	}
	w.intField(m, subChanged, e.moment(s.Changed))
	w.arrayField(m, subTexts, len(e.texts))
	for _, t := range e.texts {
		w.writeText(t)
	}
	w.arrayField(m, subIPs, len(e.ips))
	for _, ip := range e.ips {
		w.writeBytes(ip.AsSlice())
	}
	w.b[m] += e.b[rest] - cborMap
	return append(w.b, e.b[rest+1:]...), nil
}

// requests writes the requests and the consents that came of them.
func (e *encoder) requests(m int, s consent.Subscription) {
	e.arrayField(m, subRequests, len(s.Requests))
	for i := range s.Requests {
		e.request(&s.Requests[i], &s)
	}
	e.arrayField(m, subConsents, len(s.Consents))
	for i := range s.Consents {
		e.consent(&s.Consents[i], s.Requests)
	}
}

// history writes the rest of a subscription.
func (e *encoder) history(m int, s consent.Subscription) {
	e.arrayField(m, subRefusals, len(s.Refusals))
	for _, r := range s.Refusals {
		of := e.openMap()
		e.evidence(of, refusalDeclined, &r.Declined)
		e.evidence(of, refusalUnblocked, r.Unblocked)
		e.id(of, refusalMailbox, r.Mailbox)
	}
	e.arrayField(m, subNotices, len(s.Notices))
	for _, n := range s.Notices {
		of := e.openMap()
		e.id(of, noticeID, n.ID)
		e.evidence(of, noticeAsked, &n.Asked)
		e.field(of, noticeEmail)
		e.email(&n.Email)
		e.address(of, noticeAddress, n.Address, s.Address)
	}
	if s.Unanswered != (consent.Unanswered{}) {
		e.field(m, subUnanswered)
		of := e.openMap()
		e.intField(of, unansweredN, int64(s.Unanswered.N))
		e.time(of, unansweredFirst, s.Unanswered.First)
		e.time(of, unansweredLast, s.Unanswered.Last)
	}
	e.time(m, subWithdrawnAt, s.WithdrawnAt)
	e.time(m, subHistorySince, s.HistorySince)
	e.arrayField(m, subEmailTimes, len(s.EmailTimes))
	for _, t := range s.EmailTimes {
		e.writeInt(e.moment(t))
	}
	e.id(m, subMovedTo, s.MovedTo)
	e.arrayField(m, subTold, len(s.Told))
	for _, t := range s.Told {
		of := e.openMap()
		e.time(of, toldAt, t.At)
		code(e, of, toldEvent, eventCodes, t.Event)
		e.text(of, toldEndpoint, t.Endpoint)
	}
}

// encoder writes a record, gathers its texts and IPs, and keeps the first error.
type encoder struct {
	cborWriter
	created time.Time
	texts   []string
	ips     []netip.Addr
	err     error
}

func (e *encoder) fail(what, value string) {
	if e.err == nil {
		e.err = fmt.Errorf("confirm: encode: %s of %d bytes that is none", what, len(value))
	}
}

func (e *encoder) moment(t time.Time) int64 {
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
	return ms
}

func (e *encoder) time(m, key int, t time.Time) { e.intField(m, key, e.moment(t)) }

func (e *encoder) text(m, key int, s string) {
	if s == "" {
		return
	}
	i := slices.Index(e.texts, s)
	if i < 0 {
		i = len(e.texts)
		e.texts = append(e.texts, s)
	}
	e.intField(m, key, int64(i+1))
}

func (e *encoder) ip(m, key int, s string) {
	if s == "" {
		return
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		e.fail("an IP", s)
		return
	}
	i := slices.Index(e.ips, a)
	if i < 0 {
		i = len(e.ips)
		e.ips = append(e.ips, a)
	}
	e.intField(m, key, int64(i+1))
}

func (e *encoder) id(m, key int, s string) {
	var buffer [32]byte
	b, err := base64.RawURLEncoding.Strict().AppendDecode(buffer[:0], []byte(s))
	if err != nil {
		e.fail("an id", s)
		return
	}
	e.bytesField(m, key, b)
}

func (e *encoder) hash(m, key int, s string) {
	var buffer [32]byte
	b, err := hex.AppendDecode(buffer[:0], []byte(s))
	if err != nil || strings.ToLower(s) != s {
		e.fail("a hash", s)
		return
	}
	e.bytesField(m, key, b)
}

// code writes the place of a word in its list, from 1.
func code[T ~string](e *encoder, m, key int, all []T, word T) {
	if word == "" {
		return
	}
	i := slices.Index(all, word)
	if i < 0 {
		e.fail("a word", string(word))
	}
	e.intField(m, key, int64(i+1))
}

// evidence writes a field of evidence, unless there is none.
func (e *encoder) evidence(m, key int, ev *consent.Evidence) {
	if ev == nil {
		return
	}
	e.field(m, key)
	of := e.openMap()
	e.time(of, evidenceAt, ev.At)
	code(e, of, evidenceHow, methodCodes, ev.How)
	e.ip(of, evidenceIP, ev.IP)
	e.text(of, evidenceUserAgent, ev.UserAgent)
	e.text(of, evidenceOrigin, ev.Origin)
	e.text(of, evidenceSource, ev.Source)
	e.text(of, evidenceForm, ev.Form)
	e.time(of, evidencePageMade, ev.PageMade)
	e.text(of, evidenceReply, ev.Reply)
	e.text(of, evidenceChannel, ev.Channel)
	e.text(of, evidenceDetail, ev.Detail)
	if a := ev.Attested; a != nil {
		e.field(of, evidenceAttested)
		of := e.openMap()
		e.ip(of, attestedIP, a.IP)
		e.text(of, attestedUserAgent, a.UserAgent)
		e.text(of, attestedPage, a.Page)
		e.time(of, attestedAt, a.At)
	}
}

// address writes an address, unless it is the one of the subscription.
func (e *encoder) address(m, key int, a, known address.Address) {
	if a != known {
		e.textField(m, key, a.String())
	}
}

func (e *encoder) request(r *consent.Request, s *consent.Subscription) {
	m := e.openMap()
	e.id(m, requestID, r.ID)
	e.evidence(m, requestAsked, &r.Asked)
	e.evidence(m, requestRenewed, r.Renewed)
	e.arrayField(m, requestStatements, len(r.Statements))
	for _, st := range r.Statements {
		of := e.openMap()
		e.textField(of, statementPurpose, st.Purpose)
		e.intField(of, statementRevision, int64(st.Revision))
		e.hash(of, statementSHA256, st.SHA256)
		e.text(of, statementShown, st.Shown)
	}
	if r.Locale != s.Locale {
		e.text(m, requestLocale, r.Locale)
	}
	e.time(m, requestDeadline, r.Deadline)
	e.id(m, requestBrowser, r.Browser)
	code(e, m, requestState, stateCodes, r.State)
	e.evidence(m, requestClosed, r.Closed)
	e.arrayField(m, requestEmails, len(r.Emails))
	for i := range r.Emails {
		e.email(&r.Emails[i])
	}
	e.time(m, requestRemindAt, r.RemindAt)
	if t := r.Receipt; t != nil {
		e.field(m, requestReceipt)
		of := e.openMap()
		e.textField(of, receiptID, t.ID)
		e.hash(of, receiptFrame, t.Frame)
		e.id(of, receiptKey, t.Key)
		e.intField(of, receiptEmails, int64(t.Emails))
		e.bytesField(of, receiptSignature, t.Signature)
	}
	e.address(m, requestAddress, r.Address, s.Address)
}

func (e *encoder) email(email *consent.Email) {
	m := e.openMap()
	code(e, m, emailReason, reasonCodes, email.Reason)
	e.time(m, emailQueued, email.Queued)
	if !email.Due.Equal(email.Queued) {
		e.time(m, emailDue, email.Due)
	}
	e.intField(m, emailTries, int64(email.Tries))
	e.arrayField(m, emailAnswers, len(email.Answers))
	for _, a := range email.Answers {
		of := e.openMap()
		e.time(of, answerAt, a.At)
		e.text(of, answerReply, a.Reply)
		code(e, of, answerReason, refusalCodes, a.Reason)
	}
	if t := email.Taken; t != nil {
		e.field(m, emailTaken)
		of := e.openMap()
		e.time(of, deliveryAt, t.At)
		e.text(of, deliveryReply, t.Reply)
		e.hash(of, deliverySHA256, t.SHA256)
		if t.Unsigned != t.SHA256 {
			e.hash(of, deliveryUnsigned, t.Unsigned)
		}
		e.hash(of, deliverySkeleton, t.Skeleton)
		e.textField(of, deliverySignature, t.Signature)
	}
	e.evidence(m, emailBounced, email.Bounced)
}

// consent names a consent's statement by its request, which is kept as long.
func (e *encoder) consent(c *consent.Consent, requests consent.Requests) {
	m := e.openMap()
	request := slices.IndexFunc(requests, func(r consent.Request) bool { return r.ID == c.RequestID })
	if request < 0 {
		e.fail("a consent without its request", c.RequestID)
		return
	}
	statement := slices.Index(requests[request].Statements, c.Statement)
	if statement < 0 {
		e.fail("a consent without its statement", c.Purpose)
		return
	}
	e.intField(m, consentRequest, int64(request))
	e.intField(m, consentStatement, int64(statement))
	code(e, m, consentState, stateCodes, c.State)
	e.time(m, consentGiven, c.Given)
	e.evidence(m, consentEnded, c.Ended)
	e.time(m, consentSuperseded, c.Superseded)
}

// errDamaged means that a record holds what encodeSubscription does not write.
var errDamaged = errors.New("confirm: the record is damaged, or was written by a newer optin")

// decodeSubscription reads what encodeSubscription wrote.
func decodeSubscription(data []byte, site string) (consent.Subscription, error) {
	plain, err := unpack(data)
	if err != nil {
		return consent.Subscription{}, err
	}
	d := decoder{cborReader: cborReader{b: plain}}
	s := consent.Subscription{Site: site}
	for m := d.readMap(); m.next(&d.cborReader); {
		d.subscription(&s, m.key)
	}
	if d.damaged || len(d.b) > 0 {
		return consent.Subscription{}, errDamaged
	}
	return s, nil
}

// decoder reads a record, and looks up its texts and IPs.
type decoder struct {
	cborReader
	created time.Time
	texts   []string
	ips     []string
}

// subscription reads a field of the subscription. Those before it are read already.
func (d *decoder) subscription(s *consent.Subscription, key int) {
	switch key {
	case subAddress:
		s.Address = d.address()
	case subLocale:
		s.Locale = d.readText()
	case subCreated:
		d.created = time.UnixMilli(d.readInt()).UTC()
		s.Created = d.created
	case subChanged:
		s.Changed = d.time()
	case subTexts:
		d.texts = list(d, d.readText)
	case subIPs:
		d.ips = list(d, d.newIP)
	case subRequests:
		s.Requests = list(d, func() consent.Request { return d.request(s) })
	case subConsents:
		s.Consents = list(d, func() consent.Consent { return d.consent(s.Requests) })
	case subRefusals:
		s.Refusals = list(d, d.refusal)
	case subNotices:
		s.Notices = list(d, func() consent.Notice { return d.notice(s) })
	case subUnanswered:
		s.Unanswered = d.unanswered()
	case subWithdrawnAt:
		s.WithdrawnAt = d.time()
	case subHistorySince:
		s.HistorySince = d.time()
	case subEmailTimes:
		s.EmailTimes = list(d, d.time)
	case subMovedTo:
		s.MovedTo = d.id()
	case subTold:
		s.Told = list(d, d.told)
	default:
		d.fail()
	}
}

// list reads an array.
func list[T any](d *decoder, one func() T) []T {
	n := d.readArray()
	all := make([]T, 0, min(n, 64)) // what is damaged may say anything
	for ; n > 0 && !d.damaged; n-- {
		all = append(all, one())
	}
	return all
}

func (d *decoder) time() time.Time {
	ms := d.readInt()
	if ms == 0 {
		return time.Time{}
	}
	if ms > 0 {
		ms--
	}
	if !d.created.IsZero() {
		ms += d.created.UnixMilli() // a Duration has no room for what websites attest
	}
	return time.UnixMilli(ms).UTC()
}

// pick reads a place in a list, from 1, and returns what stands there.
func pick[T any](d *decoder, all []T) (none T) {
	place := d.readInt()
	if place < 1 || place > int64(len(all)) {
		d.fail()
		return none
	}
	return all[place-1]
}

func (d *decoder) address() address.Address {
	a, err := address.Parse(d.readText())
	if err != nil {
		d.fail()
	}
	return a
}

func (d *decoder) text() string { return pick(d, d.texts) }

func (d *decoder) ip() string { return pick(d, d.ips) }

func (d *decoder) newIP() string {
	a, ok := netip.AddrFromSlice(d.readBytes())
	if !ok {
		d.fail()
	}
	return a.String()
}

func (d *decoder) id() string {
	var buffer [64]byte
	return string(base64.RawURLEncoding.AppendEncode(buffer[:0], d.readBytes()))
}

func (d *decoder) hash() string {
	var buffer [64]byte
	return string(hex.AppendEncode(buffer[:0], d.readBytes()))
}

func (d *decoder) evidence() (e consent.Evidence) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case evidenceAt:
			e.At = d.time()
		case evidenceHow:
			e.How = pick(d, methodCodes)
		case evidenceIP:
			e.IP = d.ip()
		case evidenceUserAgent:
			e.UserAgent = d.text()
		case evidenceOrigin:
			e.Origin = d.text()
		case evidenceSource:
			e.Source = d.text()
		case evidenceForm:
			e.Form = d.text()
		case evidencePageMade:
			e.PageMade = d.time()
		case evidenceReply:
			e.Reply = d.text()
		case evidenceChannel:
			e.Channel = d.text()
		case evidenceDetail:
			e.Detail = d.text()
		case evidenceAttested:
			e.Attested = d.attested()
		default:
			d.fail()
		}
	}
	return e
}

func (d *decoder) optional() *consent.Evidence {
	e := d.evidence()
	return &e
}

func (d *decoder) attested() *consent.Attested {
	a := &consent.Attested{}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case attestedIP:
			a.IP = d.ip()
		case attestedUserAgent:
			a.UserAgent = d.text()
		case attestedPage:
			a.Page = d.text()
		case attestedAt:
			a.At = d.time()
		default:
			d.fail()
		}
	}
	return a
}

func (d *decoder) request(of *consent.Subscription) consent.Request {
	r := consent.Request{Locale: of.Locale, Address: of.Address}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case requestID:
			r.ID = d.id()
		case requestAsked:
			r.Asked = d.evidence()
		case requestRenewed:
			r.Renewed = d.optional()
		case requestStatements:
			r.Statements = list(d, d.statement)
		case requestLocale:
			r.Locale = d.text()
		case requestDeadline:
			r.Deadline = d.time()
		case requestBrowser:
			r.Browser = d.id()
		case requestState:
			r.State = pick(d, stateCodes)
		case requestClosed:
			r.Closed = d.optional()
		case requestEmails:
			r.Emails = list(d, d.email)
		case requestRemindAt:
			r.RemindAt = d.time()
		case requestReceipt:
			r.Receipt = d.receipt()
		case requestAddress:
			r.Address = d.address()
		default:
			d.fail()
		}
	}
	if len(r.Emails) == 0 || r.State != consent.Pending && r.Closed == nil {
		d.fail()
	}
	return r
}

func (d *decoder) receipt() *consent.Receipt {
	t := &consent.Receipt{}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case receiptID:
			t.ID = d.readText()
		case receiptFrame:
			t.Frame = d.hash()
		case receiptKey:
			t.Key = d.id()
		case receiptEmails:
			t.Emails = uint(d.readInt())
		case receiptSignature:
			t.Signature = bytes.Clone(d.readBytes())
		default:
			d.fail()
		}
	}
	return t
}

func (d *decoder) statement() (st consent.Statement) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case statementPurpose:
			st.Purpose = d.readText()
		case statementRevision:
			st.Revision = int(d.readInt())
		case statementSHA256:
			st.SHA256 = d.hash()
		case statementShown:
			st.Shown = d.text()
		default:
			d.fail()
		}
	}
	return st
}

func (d *decoder) email() (email consent.Email) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case emailReason:
			email.Reason = pick(d, reasonCodes)
		case emailQueued:
			email.Queued = d.time()
		case emailDue:
			email.Due = d.time()
		case emailTries:
			email.Tries = int(d.readInt())
		case emailAnswers:
			email.Answers = list(d, d.answer)
		case emailTaken:
			email.Taken = d.delivery()
		case emailBounced:
			email.Bounced = d.optional()
		default:
			d.fail()
		}
	}
	if email.Due.IsZero() {
		email.Due = email.Queued
	}
	return email
}

func (d *decoder) answer() (a consent.Answer) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case answerAt:
			a.At = d.time()
		case answerReply:
			a.Reply = d.text()
		case answerReason:
			a.Reason = pick(d, refusalCodes)
		default:
			d.fail()
		}
	}
	return a
}

func (d *decoder) delivery() *consent.Delivery {
	t := &consent.Delivery{}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case deliveryAt:
			t.At = d.time()
		case deliveryReply:
			t.Reply = d.text()
		case deliverySHA256:
			t.SHA256 = d.hash()
		case deliveryUnsigned:
			t.Unsigned = d.hash()
		case deliverySkeleton:
			t.Skeleton = d.hash()
		case deliverySignature:
			t.Signature = d.readText()
		default:
			d.fail()
		}
	}
	if t.Unsigned == "" {
		t.Unsigned = t.SHA256
	}
	return t
}

func (d *decoder) consent(requests consent.Requests) (c consent.Consent) {
	request, statement := int64(0), int64(0)
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case consentRequest:
			request = d.readInt()
		case consentStatement:
			statement = d.readInt()
		case consentState:
			c.State = pick(d, stateCodes)
		case consentGiven:
			c.Given = d.time()
		case consentEnded:
			c.Ended = d.optional()
		case consentSuperseded:
			c.Superseded = d.time()
		default:
			d.fail()
		}
	}
	if request < 0 || request >= int64(len(requests)) ||
		statement < 0 || statement >= int64(len(requests[request].Statements)) {
		d.fail()
		return consent.Consent{}
	}
	c.Statement, c.RequestID = requests[request].Statements[statement], requests[request].ID
	return c
}

func (d *decoder) refusal() (r consent.Refusal) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case refusalDeclined:
			r.Declined = d.evidence()
		case refusalUnblocked:
			r.Unblocked = d.optional()
		case refusalMailbox:
			r.Mailbox = d.id()
		default:
			d.fail()
		}
	}
	return r
}

func (d *decoder) notice(of *consent.Subscription) consent.Notice {
	n := consent.Notice{Address: of.Address}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case noticeID:
			n.ID = d.id()
		case noticeAsked:
			n.Asked = d.evidence()
		case noticeEmail:
			n.Email = d.email()
		case noticeAddress:
			n.Address = d.address()
		default:
			d.fail()
		}
	}
	return n
}

func (d *decoder) told() (t consent.Told) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case toldAt:
			t.At = d.time()
		case toldEvent:
			t.Event = pick(d, eventCodes)
		case toldEndpoint:
			t.Endpoint = d.text()
		default:
			d.fail()
		}
	}
	return t
}

func (d *decoder) unanswered() (u consent.Unanswered) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case unansweredN:
			u.N = int(d.readInt())
		case unansweredFirst:
			u.First = d.time()
		case unansweredLast:
			u.Last = d.time()
		default:
			d.fail()
		}
	}
	return u
}
