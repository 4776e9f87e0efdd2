package dashboard

// People is the search for a person.
type People struct {
	Asked bool // false: nothing was looked for yet
	Found []Found
	Done  string // what the button that was pressed has done
}

func (People) name() string { return "people" }

// Found is one subscription that was found.
type Found struct {
	Path    string
	Address string // masked; empty: the person was erased
	Site    string
	State   string
}
