package confirm

// Tally is tally, for tests of what is counted.
var Tally = tally

// Mailbox is mailbox, for tests of what the limits take for one.
var Mailbox = Address.mailbox
