// Package bounce reads what mail systems report about an email after a relay took it, and passes it to the service.
//
//	report                                  comes by                  how its email is found
//	failed delivery (RFC 3464)              an MTA's pipe, or HTTP    the signed return path that it was sent to
//	bounce in plain text (Exim, qmail, …)   the same                  the same
//	complaint (ARF, RFC 5965; JMRP)         the same                  the signed return path or the Message-ID that it
//	                                                                  repeats
//	notification of Amazon SES, directly    HTTP                      the return path; else sender and recipient
//	or through SNS
//	webhook of Postmark                     HTTP                      sender and recipient
//
// What it promises:
//
//   - Anybody can send a message: it counts only by a return path that the service signed, or by a Message-ID that
//     nobody can guess. A notification comes with the operator's key, and may name sender and recipient instead.
//   - Only a permanent failure about the recipient ends a request, by the judgement of package nondelivery. Any
//     other is kept as evidence.
//   - A message is read as far as it goes: damaged lines, types and boundaries do not lose a report.
//   - Every report is counted by kind, and one without effect is logged.
//   - X.7.28 says that a form is used to flood somebody (draft-levine-mailbomb-header): a surge starts at the site.
//   - Anything that is no report, such as a person's answer or an out-of-office note, is ErrNoReport, and changes
//     nothing.
//   - It is bounded: messages of at most MaxMessage bytes and 100 parts, nested at most five deep, with 100 groups of a
//     delivery status. Reading one takes about as long as it is large.
package bounce
