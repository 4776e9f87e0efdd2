package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/optin/optin/internal/operator"
)

const usersUsage = `optin users says who may use the dashboard, and makes the entry of another one:

  optin users                                    who they are
  optin users -role act ada                      a new password for ada, and her
                                                 entry for operators
  optin users -role see -sites gazette,news bob  he sees nothing of other sites
  optin users -role admin -password-stdin eve    her own password, a line of the
                                                 standard input

The roles are see (looks, with addresses masked), act (also does what a person or
a website may ask for) and admin (also erases, and reads the audit log). The entry
has only a hash of the password: tell the password to nobody else.

-json writes the operators, or the new entry and its password, as JSON.
`

// shownUser is an operator as optin users shows one.
type shownUser struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Sites    []string `json:"sites,omitempty"`    // none: all
	LogsIn   string   `json:"logs_in,omitempty"`  // password or proxy
	Hash     string   `json:"hash,omitempty"`     // of a new operator's password
	Password string   `json:"password,omitempty"` // that was made
}

// users is optin users.
func users(args []string, env environment, stdin io.Reader, stdout, stderr io.Writer) int {
	c := newReading("users", usersUsage, env, stdout, stderr)
	role := c.flags.String("role", string(operator.See), "the new operator's `role`: see, act or admin")
	sites := c.flags.String("sites", "", "the `ids` of the only sites that the new operator sees, with commas between")
	typed := c.flags.Bool("password-stdin", false, "read the new operator's password, a line, rather than make one")
	rest, code, ok := c.parse(args)
	if !ok {
		return code
	}
	if len(rest) > 1 {
		return c.unexpected(rest[1])
	}
	if len(rest) == 0 {
		return c.listUsers()
	}
	u := shownUser{Name: rest[0], Role: *role}
	_, nameErr := operator.ParseName(u.Name)
	if nameErr != nil {
		nameErr = fmt.Errorf("the name %w", nameErr)
	}
	_, roleErr := operator.ParseRole(u.Role)
	if roleErr != nil {
		roleErr = fmt.Errorf("-role %w", roleErr)
	}
	if err := errors.Join(nameErr, roleErr); err != nil {
		return c.fail(exitUsage, err)
	}
	if *sites != "" {
		u.Sites = strings.Split(*sites, ",")
	}
	password := base64.RawURLEncoding.EncodeToString(keysRandom(18))
	if u.Password = password; *typed {
		u.Password = ""
		line, err := bufio.NewReader(io.LimitReader(stdin, 4<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return c.fail(exitFailed, fmt.Errorf("read the password: %w", err))
		}
		password = strings.TrimRight(line, "\r\n")
	}
	hash, err := operator.NewPassword(password, keysRandom(16))
	if err != nil {
		return c.fail(exitUsage, err)
	}
	u.Hash = hash.Text()
	return c.done(u, strings.TrimSuffix(u.entry(), "\n"))
}

// entry returns a new operator's entry, with the password that was made.
func (u shownUser) entry() string {
	var b strings.Builder
	if u.Password != "" {
		fmt.Fprintf(&b, "# The password of %s, which nothing keeps: %s\n", u.Name, u.Password)
	}
	fmt.Fprintf(&b, "operators:\n  - name: %s\n    password: %q\n    role: %s\n", u.Name, u.Hash, u.Role)
	if len(u.Sites) > 0 {
		fmt.Fprintf(&b, "    sites: [%s]\n", strings.Join(u.Sites, ", "))
	}
	return b.String()
}

// listUsers lists the operators of the configuration.
func (c *call) listUsers() int {
	cfg, _, _, err := siteConfig(c.config, "", c.env)
	if err != nil {
		return c.badConfig(err)
	}
	all := []shownUser{}
	if len(cfg.Admin.Password) > 0 {
		all = append(all, shownUser{Name: operator.Own, Role: string(operator.Admin), LogsIn: "password"})
	}
	for _, o := range cfg.Operators {
		u := shownUser{Name: o.Name, Role: string(o.Role), Sites: o.Sites, LogsIn: "password"}
		if o.Password.IsZero() {
			u.LogsIn = "proxy"
		}
		all = append(all, u)
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, u := range all {
		where := "all sites"
		if len(u.Sites) > 0 {
			where = strings.Join(u.Sites, ", ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\tby %s\n", u.Name, u.Role, where, u.LogsIn)
	}
	_ = table.Flush() // into memory
	if len(all) == 0 {
		b.WriteString("Nobody: there is no dashboard without admin.password or operators.\n")
	}
	return c.done(all, strings.TrimSuffix(b.String(), "\n"))
}
