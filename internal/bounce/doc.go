// Package bounce reads what mail systems report about an email after a relay took it, and passes it to the service.
//
//	report                                  comes by                  how its email is found
//	failed delivery (RFC 3464)              an MTA's pipe, or HTTP    the signed return path that it was sent to
//	complaint (ARF, RFC 5965)               the same                  the signed return path that it repeats
//	notification of Amazon SES, directly    HTTP                      the return path; else sender and recipient
//	or through SNS
//	webhook of Postmark                     HTTP                      sender and recipient
//
// What it promises:
//
//   - Anybody can send a message: it counts only by a return path that the service signed. A notification comes with
//     the operator's key, and may name sender and recipient instead.
//   - Only a permanent failure about the mailbox ends a request: 5.1.x, 5.2.0, 5.2.1, 5.4.1, 5.4.4 and 5.0.0 (RFC
//     3463). A failure that is about us (5.7.x), about a full mailbox or a broken system, or temporary, changes
//     nothing.
//   - X.7.28 says that a form is used to flood somebody (draft-levine-mailbomb-header): a surge starts at the site.
//   - Anything that is no report, such as a person's answer or an out-of-office note, is ErrNoReport, and changes
//     nothing.
//   - It is bounded: messages of at most MaxMessage bytes and 100 parts, nested at most three deep.
package bounce
