package dashboard

// Trends is what was counted over some time, at one site or all.
type Trends struct {
	Choices  []Choice
	Of       string // the one value that the lines are of, such as "form footer"; empty: of everything
	All      string // path of the same without that
	CSV      string // path of the first table
	Says     string
	Step     string // what one row of the first table is: Hour, Day or Week
	Lines    Chart
	Most     int64  // at the top of the chart
	From, To string // at its ends
	Steps    []TrendStep

	Week      Chart // signups by weekday and hour; empty: there were none
	WeekSays  string
	WeekZone  string
	WeekHours []TrendHour
	WeekCSV   string

	Parts []TrendParts
}

// TrendStep is a row of the first table.
type TrendStep struct {
	Label                  string
	Signups, Confirmations int64
	Rate                   string
}

// TrendHour is an hour of every weekday, Monday first.
type TrendHour struct {
	Hour int
	Days []TrendStep // Label is the weekday
}

// TrendParts is what was counted by one dimension.
type TrendParts struct {
	Name, Title, Column, CSV string
	Says                     []string
	Rows                     []TrendPart
}

// TrendPart is one value of a dimension.
type TrendPart struct {
	Label, Detail, Path    string // Path is that of the view of this value alone; empty: it has none
	Text                   string // path of what was shown to people
	Signups, Confirmations int64
	Rate                   string
	Width, WidthConfirmed  int // in thousandths of the longest bar
}

func (Trends) name() string { return "trends" }
