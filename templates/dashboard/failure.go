package dashboard

// Failure is any error of the dashboard, by HTTP status.
type Failure struct{ Status int }

func (Failure) name() string { return "failure" }
