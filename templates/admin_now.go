package templates

import "strconv"

// AdminUnusual is something that is not as it should be, and what to do about it.
type AdminUnusual struct {
	What, Do string
	Path     string // where more of it is seen; may be empty
}

// AdminFlow is what became of signups in a period, beside the one before.
type AdminFlow struct {
	Periods []AdminOption // to choose from: Value is a path
	Before  string        // the time before, in words
	Rows    []AdminFlowRow
	Times   AdminTimes
}

// AdminTimes is how long it took to confirm. Median and P90 are names of buckets.
type AdminTimes struct {
	Median, P90 string
	Rows        []AdminFlowRow // none: nobody confirmed
}

// AdminFlowRow is one number of a flow.
type AdminFlowRow struct {
	Label, Class       string
	N, Before          int64
	Rate               string // of the signups; may be empty
	Change             string
	Width, WidthBefore int // of the bars, in thousandths
}

// AdminLight says how one part of the service stands.
type AdminLight struct {
	Name, Light, Word, Says string
	Path                    string // where more of it is seen; may be empty
}

// Number writes a number with its thousands apart.
func Number[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
