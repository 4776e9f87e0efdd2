package dashboard

// Flow is what became of signups in a period, beside the one before.
type Flow struct {
	Periods []Option // to choose from: Value is a path
	Before  string   // the time before, in words
	Rows    []FlowRow
	Times   Times
}

// Times is how long it took to confirm. Median and P90 are names of buckets.
type Times struct {
	Median, P90 string
	Rows        []FlowRow // none: nobody confirmed
}

// FlowRow is one number of a flow.
type FlowRow struct {
	Label, Class       string
	N, Before          int64
	Rate               string // of the signups; may be empty
	Change             string
	Width, WidthBefore int // of the bars, in thousandths
}
