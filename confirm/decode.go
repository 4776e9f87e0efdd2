package confirm

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
)

// errDamaged means that a record holds what encodeSubscription does not write.
var errDamaged = errors.New("confirm: the record is damaged, or was written by a newer optin")

// decodeSubscription reads what encodeSubscription wrote.
func decodeSubscription(data []byte, site string) (consent.Subscription, error) {
	plain, err := unpack(data)
	if err != nil {
		return consent.Subscription{}, err
	}
	d := decoder{cborReader: cborReader{rest: string(plain)}}
	s := consent.Subscription{Site: site}
	for m := d.readMap(); m.next(&d.cborReader); {
		d.subscription(&s, m.key)
	}
	if d.damaged || len(d.rest) > 0 {
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
	case subObjections:
		s.Objections = list(d, d.objection)
	case subReceipts:
		s.Receipts = list(d, d.keptReceipt)
	case subUnreachableSince:
		s.UnreachableSince = d.time()
	case subClaims:
		s.Claims = list(d, func() consent.Claim { return d.claim(s) })
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
	b := []byte(d.readBytes())
	switch len(b) { // of a network, its bits
	case 3:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{b[0], b[1], b[2]}), 24).String()
	case 6:
		var whole [16]byte
		copy(whole[:], b)
		return netip.PrefixFrom(netip.AddrFrom16(whole), 48).String()
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		d.fail()
	}
	return a.String()
}

func (d *decoder) id() string {
	var buffer [64]byte
	return string(base64.RawURLEncoding.AppendEncode(buffer[:0], []byte(d.readBytes())))
}

func (d *decoder) hash() string {
	var buffer [64]byte
	return string(hex.AppendEncode(buffer[:0], []byte(d.readBytes())))
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
			e.Channel = consent.Channel(d.text())
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
		case requestAgreed:
			r.Agreed = d.time()
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
			t.Signature = []byte(d.readBytes())
		case receiptValidity:
			t.Validity = time.Duration(d.readInt()) * time.Second
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
		case answerRelay:
			a.Relay = d.text()
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
		case consentUsed:
			c.Used = d.time()
		case consentValidUntil:
			c.ValidUntil = d.time()
		case consentRenewAt:
			c.RenewAt = d.time()
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

func (d *decoder) keptReceipt() (r consent.KeptReceipt) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case keptReceiptText:
			r.Text = d.readText()
		case keptReceiptUntil:
			r.Until = d.time()
		default:
			d.fail()
		}
	}
	return r
}

func (d *decoder) objection() (o consent.Objection) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case objectionEvidence:
			o.Evidence = d.evidence()
		case objectionPurposes:
			o.Purposes = list(d, d.readText)
		case objectionMailbox:
			o.Mailbox = d.id()
		case objectionUnblocked:
			o.Unblocked = d.optional()
		default:
			d.fail()
		}
	}
	return o
}

func (d *decoder) claim(of *consent.Subscription) consent.Claim {
	c := consent.Claim{Address: of.Address}
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case claimID:
			c.ID = d.id()
		case claimRight:
			c.Right = pick(d, rightCodes)
		case claimAsked:
			c.Asked = d.evidence()
		case claimDeadline:
			c.Deadline = d.time()
		case claimEmail:
			c.Email = d.email()
		case claimDone:
			c.Done = d.optional()
		case claimAddress:
			c.Address = d.address()
		default:
			d.fail()
		}
	}
	return c
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
