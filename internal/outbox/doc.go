// Package outbox works off what is owed: lease, try, settle.
//
// A Lane is some kinds of owed work and the workers that work them off. Bad entries never delay good ones:
//
//   - Workers take turns among the kinds. Who has stood in line longest is next, so nobody waits for more than one entry, or one vain look,
//     of each other kind. A kind that was woken goes first, unless it has had its turn since the longest waiting joined the line.
//   - Each bounds how many workers one kind may have: where Each is below Workers, a kind whose trials all hang until their Limit leaves
//     the others their workers.
//   - What is to be tried again may move to another kind (Then): what failed then waits in a line of its own, beside what is fresh.
//
// Each worker leases an entry, tries it, and settles it by what the trial said:
//
//	settled, nil    the trial settled it itself, together with its record: nothing to do
//	false, nil      done
//	error           again, after the next wait of the lane's table, give or take a fifth; it waits in Then
//	  Wait()        … after this instead of the table's wait, give or take a fifth; the table's end does not park it
//	  RetryAfter()  … and not before that
//	  Lane()        … and waits in this kind instead of Then
//	  Park() true   never again: it is kept aside for a person to look at
//
// The methods are found by errors.As; zero, empty and false say nothing. After the last wait of the table an entry is parked, unless the
// lane repeats that wait. An entry keeps the count of its tries when it moves, so a wait is found in the table of whichever lane tried it.
// In a lane that repeats, though, only failures lengthen the wait, as many as this process saw: one that named its own Wait is none, so
// what was put off time and again for others' sake begins with the table's first wait; and a process that starts begins the table anew.
// It never moves to a kind that no lane here works: it then stays where it is.
//
// # Looking
//
// A lane looks through all its kinds once every Poll, however many workers idle, and so finds what other processes owed and what has become
// due. In between, a kind is looked at when it is woken, and for as long as looks find something; the longer they do, the more workers look
// at the same time. A kind that cannot be leased from is left alone for longer and longer, half a minute at most, or until it is woken; the
// others go on. While Rest says that nothing can go well, nobody leases; it is asked again when it said, and at the latest after Poll.
//
// # Failing
//
// With Probe, an outbox knows for each kind whether its trials fail: it supposes so at the start, and after each trial that was not done.
// Meanwhile, every Probe, give or take a fifth, one entry that waits is made due; but not before a RetryAfter that a failure has named since
// one was done: who said "in an hour" is left alone that long. When one is done after failures, all that waits in the kind is made due,
// though at most once a minute; a failure until then takes that back. So a poison entry beside good ones is tried out of turn about once
// a minute and no oftener, and what waited for a receiver starts within Probe, and a little, of its return. This happens as the kind is
// looked at, so never while the lane rests, nor oftener than every Poll while it is idle. Made due is whatever waits in the kind, also what
// had a RetryAfter of its own: what must not be early waits in a lane without Probe. A try out of turn counts like any other, so the
// table's end comes early and says nothing: a lane that probes repeats its last wait, and its trials say by Park when it is enough.
//
// # Leases
//
// A lease is short and extended while its trial runs, so a long trial keeps what it has. Work is leased, never marked: what a dead process
// held comes back by itself when the hold is over, and a worker that wakes up late finds that its lease has passed on.
//
// Run ends cleanly: leasing stops at once, what is in hand is finished, what was leased and not begun is given back.
package outbox
