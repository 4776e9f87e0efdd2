package confirm

import (
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
		w.writeBytes(ip.Addr().AsSlice()[:ip.Bits()/8])
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
	e.arrayField(m, subObjections, len(s.Objections))
	for i := range s.Objections {
		e.objection(&s.Objections[i])
	}
	e.arrayField(m, subReceipts, len(s.Receipts))
	for _, r := range s.Receipts {
		of := e.openMap()
		e.textField(of, keptReceiptText, r.Text)
		e.time(of, keptReceiptUntil, r.Until)
	}
	e.arrayField(m, subClaims, len(s.Claims))
	for i := range s.Claims {
		e.claim(&s.Claims[i], s.Address)
	}
	e.time(m, subUnreachableSince, s.UnreachableSince)
}

func (e *encoder) claim(c *consent.Claim, known address.Address) {
	m := e.openMap()
	e.id(m, claimID, c.ID)
	code(e, m, claimRight, rightCodes, c.Right)
	e.evidence(m, claimAsked, &c.Asked)
	e.time(m, claimDeadline, c.Deadline)
	e.field(m, claimEmail)
	e.email(&c.Email)
	e.evidence(m, claimDone, c.Done)
	e.address(m, claimAddress, c.Address, known)
}

func (e *encoder) objection(o *consent.Objection) {
	m := e.openMap()
	e.evidence(m, objectionEvidence, &o.Evidence)
	e.arrayField(m, objectionPurposes, len(o.Purposes))
	for _, id := range o.Purposes {
		e.writeText(id)
	}
	e.id(m, objectionMailbox, o.Mailbox)
	e.evidence(m, objectionUnblocked, o.Unblocked)
}

// encoder writes a record, gathers its texts and IPs, and keeps the first error.
type encoder struct {
	cborWriter
	created time.Time
	texts   []string
	ips     []netip.Prefix
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
	e.intField(m, key, numberIn(&e.texts, s))
}

// numberIn returns the number of a value in a table, from 1 on, and appends the value if it is not there.
func numberIn[T comparable](table *[]T, v T) int64 {
	i := slices.Index(*table, v)
	if i < 0 {
		i = len(*table)
		*table = append(*table, v)
	}
	return int64(i + 1)
}

// parseIP parses an IP, or the network that CutIP leaves of one.
func parseIP(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err == nil && consent.CutIP(p.Addr().String()) != s {
			err = fmt.Errorf("confirm: %s is no network of an IP", s)
		}
		return p, err
	}
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() != "" {
		err = errors.New("confirm: an IP with a zone")
	}
	return netip.PrefixFrom(a, a.BitLen()), err
}

func (e *encoder) ip(m, key int, s string) {
	if s == "" {
		return
	}
	a, err := parseIP(s)
	if err != nil {
		e.fail("an IP", s)
		return
	}
	e.intField(m, key, numberIn(&e.ips, a))
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
	e.text(of, evidenceChannel, string(ev.Channel))
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
		e.intField(of, receiptValidity, int64(t.Validity/time.Second))
	}
	e.address(m, requestAddress, r.Address, s.Address)
	e.time(m, requestAgreed, r.Agreed)
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
		e.text(of, answerRelay, a.Relay)
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
	e.time(m, consentUsed, c.Used)
	e.time(m, consentValidUntil, c.ValidUntil)
	e.time(m, consentRenewAt, c.RenewAt)
}
