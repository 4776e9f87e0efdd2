// Package mailer brings one owed letter to the relay: entry -> draft -> message -> SMTP conversation -> evidence.
//
// What it promises:
//
//   - A letter that the relay took (a 2xx reply to the final dot) is never sent again by this process: what the relay does
//     afterwards, a connection that drops, a store that is away for a while, changes nothing about that.
//   - Every try of one letter carries the same Message-ID and the same links, so that a second copy, should an answer have
//     been lost, is known as one by mail programs and does the same.
//   - Only a 5xx reply to RCPT, to DATA or to the final dot is about the letter's recipient and closes its request. Every other
//     failure (4xx, 5xx at an earlier step or about authentication, a lost connection, a timeout, a refused dial) is the relay's or ours: later.
//   - A mailbox gets no more letters than a site's limits on one address allow, in whatever spellings it was signed up: one that is
//     too many waits, and takes its place with its first try.
//   - No answer after the final dot (a drop, a stall, 421) means "maybe sent": one more try, MaybeAfter later at the earliest; no
//     answer again, and the letter is left at that.
//   - From DATA on, cancellation is not heard any more: the letter is handed over or fails by the session's own deadline.
//   - What goes out is well-formed (RFC 5322, RFC 2045): ASCII but for a recipient with letters beyond it (RFC 6532), lines of at
//     most 998 bytes ended by CRLF, a fixed set of header fields, nothing in them from whoever filled in the form.
//   - A recipient beyond ASCII is written to by SMTPUTF8 (RFC 6531) or not at all.
//   - Certificates are verified. Where STARTTLS was offered or is required, nothing is said in clear text after it failed.
//     A password is never sent over a connection without TLS, except to a loopback address.
//   - No error and no log line holds an address (but a masked one), a link or a password.
//
// Connections are kept open between letters, and replaced without a word when found dead before a letter was begun.
//
// It speaks SMTP by the commands of go-mail's smtp package, not by its Client: so it knows at which step a conversation ended,
// has the reply itself, can sign with more than one key, and hands over exactly the bytes that it hashed.
package mailer
