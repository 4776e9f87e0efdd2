package dashboard

import "time"

// Login asks for the password. Of what it says at most one is set.
type Login struct {
	Names       bool   // operators have names
	Name        string // as it was entered
	Provider    bool   // operators may log in at a provider of OpenID Connect
	NoPasswords bool   // and nobody here

	WrongPassword bool
	Wait          time.Duration // until a password is looked at again: there were too many wrong ones
	SessionEnded  bool          // an action came without a session, and nothing was done
	Refused       bool          // what a provider sent back proves nobody
	NoProvider    bool          // it cannot be asked now
	NoOperator    bool          // who logged in there is no operator
	Welcome       string        // the name of who has just logged in there
	LoggedOut     bool          // by this very click
}

// wrong says that nobody is let in.
func (p Login) wrong() string {
	if p.Names {
		return "No operator has this name and password."
	}
	return "This is not the admin password."
}

// elsewhere says why a login at a provider let nobody in; empty if there was none.
func (p Login) elsewhere() string {
	switch {
	case p.Refused:
		return "The login was not completed, or took too long. Start it again from here."
	case p.NoProvider:
		return "Your organisation’s login cannot be reached now. The log says why."
	case p.NoOperator:
		return "You have an account there, but are no operator here. Who runs this service gives roles, in its " +
			"configuration."
	}
	return ""
}

func (Login) name() string { return "login" }
