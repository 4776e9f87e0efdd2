package dashboard

// Ask asks once more before something is done to people.
type Ask struct {
	Act           string
	Title         string // the question
	What          string // what happens then
	Button        string
	Danger        bool // it cannot be taken back
	People        []Asked
	All           string // the act, if it is about all that match
	Match, Filter string // with All: the filter, for the form and in words; empty: everybody
	Matching      BoundedCount
	Read          int  // how many people were looked at to count them
	Possible      bool // for one of them, at least
	NeedsReason   bool
	ReasonMissing bool
	Back          string // path of the page from which it was asked
}

func (Ask) name() string { return "ask" }

// Asked is one person that an act is about.
type Asked struct {
	Name    string // as in a form: site, slash, id
	Address string // masked; empty: nothing is known but that they declined or withdrew
	Site    string
	Note    string // why it is not possible now, say
}

// actClass is the class of the button of an act: usual, unless it cannot be taken back.
func actClass(danger bool, usual string) string {
	if danger {
		return "danger"
	}
	return usual
}
