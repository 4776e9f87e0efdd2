package dashboard

// Email is one email as it looked.
type Email struct {
	Address string // masked
	Back    string // path of the person
	Subject string // empty: the email cannot be made again
	Facts   []Fact
	Rebuilt bool   // it is proven to be what the relay took
	Frame   string // path of the email itself
}

func (Email) name() string { return "email" }
