package confirm

// What the tests of this package read and write a record's data with.
var (
	EncodeSubscription = encodeSubscription
	DecodeSubscription = decodeSubscription
	EncodeMailbox      = encodeMailbox
	DecodeMailbox      = decodeMailbox
	EncodePlain        = encodePlain
	Pack               = pack
	Dictionary         = dictionary
)

// What the tests of packing need to know.
const (
	Phrases     = phrases
	MaxUnpacked = maxUnpacked
)
