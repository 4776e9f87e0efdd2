// Package bounce reads what mail systems say of a letter after a relay took it, and hands it to the desk.
//
//	what comes                              by                        whose letter it was
//	report of a failed delivery (RFC 3464)  an MTA's pipe, or HTTP    the signed return path it was sent to
//	complaint (ARF, RFC 5965)               the same                  the signed return path that it repeats
//	notification of Amazon SES, as SNS      HTTP                      the return path; else sender and recipient
//	hands it on, or alone
//	event of Postmark                       HTTP                      sender and recipient
//
// What holds:
//
//   - A message comes from anybody: it counts only by a return path that the desk signed. A notification comes from who holds
//     the operator's key, and may name sender and recipient instead.
//   - Only a failure for good that is about the mailbox ends a request: 5.1.x, 5.2.0, 5.2.1, 5.4.1, 5.4.4 and 5.0.0 (RFC 3463). What is about
//     us (5.7.x), about a full mailbox or a broken system, or may still pass, changes nothing.
//   - X.7.28 says that a form is used to flood somebody (draft-levine-mailbomb-header): the site's breaker trips.
//   - What is no report — an answer of a person, a note that somebody is away — is ErrNoReport, and nothing happens.
//   - Bounded: messages of at most MaxMessage bytes, parts no deeper than three.
package bounce
