package confirm

import "github.com/optin/optin/confirm/consent"

// A record is CBOR (RFC 8949) in its deterministic form, with whole numbers for keys: what it says is small, and there
// are many of them. The numbers, and the order of the lists of words below, are part of the data and never change. Each
// text and each IP stands once, in a list, and is named by its place there. Hashes and ids are bytes. Times are in
// milliseconds from when the record was created, so that most of them are short.

// The words that a record names by their place, from 1.
var (
	methodCodes = []consent.Method{
		consent.ByHostedForm, consent.ByForm, consent.ByAPI, consent.ByLink, consent.ByBrowser, consent.ByOneClick,
		consent.ByRelay, consent.ByClock, consent.ByServer, consent.ByReport, consent.ByComplaint, consent.ByRevision,
		consent.ByValidity, consent.ByRenewal,
	}
	stateCodes = []consent.State{
		consent.Pending, consent.Confirmed, consent.Declined, consent.Withdrawn, consent.Expired, consent.Undeliverable,
	}
	reasonCodes  = []consent.Reason{consent.ReasonResend, consent.ReasonReminder}
	rightCodes   = []consent.Right{consent.RightCopy, consent.RightErase}
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
	subObjections
	subReceipts
	subClaims
	subUnreachableSince
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
	requestAgreed
)

// Of a receipt.
const (
	receiptID = 1 + iota
	receiptFrame
	receiptKey
	receiptEmails
	receiptSignature
	receiptValidity // in seconds
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
	consentUsed
	consentValidUntil
	consentRenewAt
)

// Of a refusal.
const (
	refusalDeclined = 1 + iota
	refusalUnblocked
	refusalMailbox
)

// Of a receipt that outlives its person.
const (
	keptReceiptText = 1 + iota
	keptReceiptUntil
)

// Of an objection.
const (
	objectionEvidence = 1 + iota
	objectionPurposes
	objectionMailbox
	objectionUnblocked
)

// Of a notice.
const (
	noticeID = 1 + iota
	noticeAsked
	noticeEmail
	noticeAddress // as of a request
)

// Of a claim of a right.
const (
	claimID = 1 + iota
	claimRight
	claimAsked
	claimDeadline
	claimEmail
	claimDone
	claimAddress // as of a request
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
	answerRelay
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
