// Package mailer sends the email of a job through a relay: job -> message -> email -> SMTP conversation -> evidence.
//
// What it promises about an email:
//
//   - An email that a relay took (a 2xx reply to the final dot) is never sent again by this process, whatever the relay
//     does afterwards, even if the connection drops or the store is unavailable for a while.
//   - Every attempt carries the same Message-ID and the same links. If a reply is lost and a second copy arrives, mail
//     programs recognise it, and its links do the same.
//   - It can be rebuilt to the byte (Rebuild), from its skeleton, which Options.Keep got before it left, and from what
//     it said. Its date is when it became due, and all else in it derives from the job; so do its signatures, while the
//     keys are the same.
//   - Only a 5xx reply to RCPT, to DATA or to the final dot that is about the recipient (package nondelivery) closes
//     the request. Every other failure (4xx, 5xx at an earlier step or about us, a lost connection, a timeout, a
//     refused dial) is the relay's or ours: the job is retried.
//   - A mailbox gets no more emails than a site's limits on one address allow, however its address was spelled. An
//     email over the limit waits. An email counts once, with its first attempt, whatever becomes of it.
//   - No reply to the final dot (a drop, a stall, 421) means "maybe sent". The job waits in
//     confirm.QueueEmailMaybeSent, which tells every process so, for one more attempt at least MaybeSentDelay later. If
//     that gets no reply either, it is not sent again.
//   - Once the relay has accepted the recipient, cancellation has no effect: the email is handed over, or fails by the
//     deadline of the session.
//   - What goes out is well-formed (RFC 5322, RFC 2045): ASCII, except for a recipient beyond ASCII (RFC 6532), lines
//     of at most 998 bytes ending in CRLF, a fixed set of header fields, and nothing in them that was typed into the
//     form but the recipient's address.
//   - Every field is signed with every key of the sender's domain (RFC 6376). Fields that change what a reader sees are
//     signed once more than they are present, so that none can be added. A site may have answers sent elsewhere
//     (Reply-To) and have a return path for each email.
//   - A recipient beyond ASCII is written to by SMTPUTF8 (RFC 6531) or not at all.
//
// About relays:
//
//   - They are tried in order. If one fails before it accepted MAIL, or refuses us for good after it, the next is tried
//     at once with the same email. Otherwise, from RCPT on an email is with one relay only. A relay that hangs has
//     twice Options.Dial until then, if there is another after it.
//   - A relay that refuses us for a recipient's domain is not asked for that domain for a minute, doubling to ten: the
//     recipient's server may speak through it. If it refuses three domains in a row, it is the relay, which is paused
//     for all. What is not understood is such a refusal, too; so are three digits alone, unless the relay took emails
//     before and refused no other domain since.
//   - A relay that fails up to MAIL is paused, for 5 s doubling to a minute; or for a minute doubling to ten if an
//     operator has to look: 5xx, an invalid certificate, no STARTTLS or no mechanism to authenticate although it is
//     needed. A reply to MAIL other than 421 pauses the relay only for that sender (the domain on the envelope). After
//     a pause one email is attempted, and the others wait for it; one success ends the pause. A relay that refuses one
//     more connection, while others are open, is not paused.
//   - A pause that begins is logged in one line at level ERROR and calls Options.Alarm; so is its end, at level INFO.
//   - An email whose connection was lost before its end is retried after 6 s and 25 s, and then like others.
//   - An email that got as far as MAIL at no relay uses up no attempt: it stays in its queue, and waits as long as the
//     relays are paused.
//   - There are no more connections to a relay than Options.Connections, and up to Options.MaxConnections while emails
//     wait for one for a quarter of a second. They stay open between emails. One that broke while idle is replaced
//     before an email is begun, without an error. The second email on a connection takes MAIL, RCPT and DATA, and no
//     other command. Where the relay takes several commands at once (RFC 2920), they are one write, if the recipient's
//     domain answered lately. Otherwise, and on a new connection, each waits for its answer: so a relay that holds its
//     answers back is never taken to be silent when a recipient's server is.
//   - Where they may be one write, they go behind the content of another email (RFC 2920 section 3.1) if the email
//     waits for a connection when that is sent. It then gets that connection, or its slot. Each answer is judged by
//     itself: whatever becomes of the one before, an email is not sent by that, and goes on at once. A relay may hold
//     its answer to the content back until it has those to what came behind. Nothing comes behind if the relay took
//     longer than a quarter of a second to answer for the last email of the connection, and for an hour after it lost
//     what came behind, or refused a content for a reason that may be that.
//   - Certificates are verified. If STARTTLS was offered or is required, nothing is said in clear text after it failed.
//     A password is never sent over a connection without TLS, except to a loopback address.
//
// About recipients that do not answer, so that they never delay the others:
//
//   - An email that was not attempted before waits for the answer to RCPT for Options.FirstRcpt. It is then retried in
//     confirm.QueueEmailRetry, with the timeout of Options.Session. While one domain after another stalls, the timeouts
//     are a fifth of FirstRcpt, and FirstRcpt.
//   - A domain is paused for a minute, doubling to fifteen, if it stalls at RCPT, DATA or the content, or if its
//     servers put off three emails in a row at RCPT (4.3.x, 4.4.x, 421; never because of one mailbox, or greylisting).
//     The pause ends when an email to it is accepted or refused. Meanwhile emails to it are put off before anything is
//     said to a relay.
//   - One domain has at most half of Options.MaxConnections, and at least one, as emails under way; others wait a
//     moment for one of them to be done, and are put off if none is. A domain that accepted or refused no email lately
//     gets one, for which the others wait a moment; if that stalls, they are put off. While one such domain after
//     another stalls, these domains share a few workers, and domains that are known to answer have the rest.
//
// A reply of X.7.28 says that forms flood a mailbox: the site then asks for a challenge (Flooded of
// confirm.Service.Relay).
//
// What is known of relays and domains belongs to this process, and is bounded. No error and no log line holds a link, a
// password, or an address that is not masked.
//
// The package speaks SMTP on the connections of go-mail's smtp package, not by its Client. So it knows at which step a
// conversation ended, has the reply itself, and hands over exactly the bytes that it hashed.
package mailer
