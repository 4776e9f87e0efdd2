package confirm

// Tally is tally, for tests of what is counted.
var Tally = tally
