// Package mailer brings one owed letter to a relay: entry -> draft -> message -> SMTP conversation -> evidence.
//
// What it promises of a letter:
//
//   - One that a relay took (a 2xx reply to the final dot) is never sent again by this process: what the relay does
//     afterwards, a connection that drops, a store that is away for a while, changes nothing about that.
//   - Every try of it carries the same Message-ID and the same links, so that a second copy, should an answer have
//     been lost, is known as one by mail programs and does the same.
//   - Only a 5xx reply to RCPT, to DATA or to the final dot is about its recipient and closes its request. Every other
//     failure (4xx, 5xx at an earlier step or about authentication, a lost connection, a timeout, a refused dial) is the relay's or ours: later.
//   - A mailbox gets no more letters than a site's limits on one address allow, in whatever spellings it was signed up: one that is
//     too many waits, and takes its place with its first try; one that is refused gives it back.
//   - No answer after the final dot (a drop, a stall, 421) means "maybe sent": it waits in confirm.QueueEmailMaybeSent, where every process knows it
//     for that, for one more try, MaybeAfter later at the earliest; no answer again, and it is left at that.
//   - From DATA on, cancellation is not heard any more: the letter is handed over or fails by the session's own deadline.
//   - What goes out is well-formed (RFC 5322, RFC 2045): ASCII but for a recipient with letters beyond it (RFC 6532), lines of at
//     most 998 bytes ended by CRLF, a fixed set of header fields, nothing in them from whoever filled in the form.
//   - Every field is signed by every key of the sender's domain (RFC 6376), and those that steer a reader once more than they are there, so
//     that none can be added. A site may have answers sent elsewhere (Reply-To) and, for each letter, its bounces (the envelope's sender).
//   - A recipient beyond ASCII is written to by SMTPUTF8 (RFC 6531) or not at all.
//
// Of relays:
//
//   - They are tried in order. Where one fails before it accepted MAIL, the next is tried at once with the same letter; from RCPT on a letter
//     is with one relay only. One that hangs has twice Options.Dial until then, where there is a next.
//   - One that fails up to MAIL is paused, for 5 s doubling to a minute, or for a minute doubling to ten where somebody must look: 5xx, a
//     certificate that is not valid, no STARTTLS or mechanism to authenticate where that is needed. What it answers to MAIL (but 421) pauses it
//     for that sender (the domain on the envelope) alone. After a pause one letter tries, and the others wait for it; one success ends it.
//     That it wants no more connections than there are pauses nothing.
//   - A pause that begins is one line at level ERROR and one call of Options.Alarm; so is its end, at INFO.
//   - A letter that got as far as MAIL nowhere is not burnt: it stays in its lane, and waits as long as the relays are paused.
//   - There are no more connections to one than Options.Connections. They are kept open between letters, and replaced without a word when
//     found dead before a letter was begun. The second letter on one takes MAIL, RCPT and DATA, and nothing else.
//   - Certificates are verified. Where STARTTLS was offered or is required, nothing is said in clear text after it failed.
//     A password is never sent over a connection without TLS, except to a loopback address.
//
// Of recipients that do not answer, so that they never delay the others:
//
//   - A letter that was not tried before waits for the answer to RCPT for Options.Hasty; it is then tried again in confirm.QueueEmailRetry, with
//     the patience of Options.Session. While one domain after another stalls, it is a fifth of Hasty, and Hasty then.
//   - A domain that keeps a letter waiting at RCPT, DATA or the content, or puts three in a row off at RCPT (but because of one mailbox), rests: for a
//     minute doubling to fifteen, until a letter to it is settled. Letters to it are put off meanwhile before anything is said to a relay.
//   - Half of Options.Connections, at least one, are as many letters as one domain has under way at once. One that settled no letter for a while
//     gets one, for which the others wait a moment; if it keeps that one waiting, they are put off. While one such domain
//     after another does, they have a few workers, and those that are known to answer have the rest.
//
// A reply of X.7.28 says that forms flood a mailbox: the site's breaker trips (confirm.Service.Trip).
//
// What is known of relays and domains is this process's own, and bounded. No error and no log line holds an address (but a masked one), a
// link or a password.
//
// It speaks SMTP by the commands of go-mail's smtp package, not by its Client: so it knows at which step a conversation ended,
// has the reply itself, can sign with more than one key, and hands over exactly the bytes that it hashed.
package mailer
