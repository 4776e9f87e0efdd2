// Package operator knows who may use the dashboard: operators with their names, passwords, roles and sites.
//
// What always holds:
//
//   - A role may do what the roles before it may: see looks at everything, with addresses and IPs masked and without
//     browsers; act also sees these on a person's page, and does what a person or a website could have asked for;
//     admin also erases, and reads the audit log.
//   - A password is kept as an Argon2id hash in the PHC string format ($argon2id$v=19$m=19456,t=2,p=1$SALT$HASH), with
//     bounds on what checking it may cost.
//   - Checking takes as long for a name that nobody has. One is checked at a time, so that many attempts share the
//     memory of one.
package operator

import (
	"errors"
	"slices"
	"sync"
)

// Own is the name of the operator who logs in with the password of the dashboard alone, and may do everything.
const Own = "operator"

// Role is what an operator may do.
type Role string

// The roles, each of which may do what those before it may.
const (
	See   Role = "see"
	Act   Role = "act"
	Admin Role = "admin"
)

var roles = []Role{See, Act, Admin}

// ParseRole parses a role.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(roles, Role(s)) {
		return "", errors.New("must be see, act or admin")
	}
	return Role(s), nil
}

// Allows reports whether the role may do what another one may.
func (r Role) Allows(other Role) bool {
	return slices.Contains(roles, r) && slices.Index(roles, r) >= slices.Index(roles, other)
}

// ParseName parses the name of an operator: 1 to 64 characters that stand for themselves in logs and addresses.
func ParseName(s string) (string, error) {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' ||
			c == '.' || c == '@'
	}
	if s == "" || len(s) > 64 || slices.ContainsFunc([]rune(s), func(c rune) bool { return !plain(c) }) {
		return "", errors.New("must be 1 to 64 letters, digits, or any of . _ - @")
	}
	return s, nil
}

// Operator is one who may use the dashboard.
type Operator struct {
	Name     string
	Password Password // zero: only a trusted proxy may say that it is this operator
	Role     Role
	Sites    []string // empty: all
	ByGroup  bool     // the role is that of a group at a provider; the configuration does not name the operator
}

// MaySee reports whether the operator may see anything of a site.
func (o *Operator) MaySee(site string) bool {
	return len(o.Sites) == 0 || slices.Contains(o.Sites, site)
}

// All are the operators of a service. The zero value has none.
type All struct {
	list []Operator

	mu sync.Mutex // held while a password is checked
}

// New returns the operators; their names differ.
func New(list ...Operator) *All { return &All{list: list} }

// Empty reports whether there are none.
func (a *All) Empty() bool { return len(a.list) == 0 }

// Find finds an operator by name; nil if there is none.
func (a *All) Find(name string) *Operator {
	i := slices.IndexFunc(a.list, func(o Operator) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &a.list[i]
}

// Check returns the operator with a name and a password; nil if there is none.
func (a *All) Check(name, password string) *Operator {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.Find(name)
	if o == nil || o.Password.IsZero() {
		nobody().Matches(password)
		return nil
	}
	if !o.Password.Matches(password) {
		return nil
	}
	return o
}
