package confirm

// What the tests of this package read and write a record's data with.
var (
	EncodeSubscription = encodeSubscription
	DecodeSubscription = decodeSubscription
)
