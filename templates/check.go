package templates

import (
	"fmt"
	"slices"
	"strconv"
	"text/template/parse"

	"github.com/optin/optin/confirm/statement"
)

// missingMessages returns an error for every message and every plural form that some language lacks.
func (s *Set) missingMessages() []error {
	wanted := s.messageKeys()
	var errs []error
	for _, t := range s.translations {
		for _, key := range wanted {
			if t.messages[key] == nil {
				errs = append(errs, fmt.Errorf("templates: locales/%s.json lacks the message %q", t.name(), key))
				continue
			}
			if !slices.Contains(pluralKeys(), key) {
				continue
			}
			for n := range 200 { // below 200 every plural rule of CLDR is met
				if _, err := t.plural(key, n); err != nil {
					errs = append(errs, fmt.Errorf("templates: locales/%s.json: %w (for %d)", t.name(), err, n))
					break
				}
			}
		}
	}
	return errs
}

// messageKeys lists all messages that templates and code ask for, sorted.
func (s *Set) messageKeys() []string {
	keys := keysInCode()
	first := s.translations[0].name()
	for _, set := range s.html[first] {
		for _, t := range set.Templates() {
			if t.Tree != nil {
				keys = append(keys, keysIn(t.Tree.Root)...)
			}
		}
	}
	for _, set := range s.text[first] {
		for _, t := range set.Templates() {
			if t.Tree != nil {
				keys = append(keys, keysIn(t.Tree.Root)...)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// keysInCode lists the messages that Go code, not a template, asks for.
func keysInCode() []string {
	keys := []string{
		"language.name", "language.dir", "date.first", "date.moment", "duration.two", "state.since", "error.other",
	}
	keys = append(keys, pluralKeys()...)
	keys = append(keys, cannedKeys()...)
	for month := 1; month <= 12; month++ {
		keys = append(keys, "date.month."+strconv.Itoa(month))
	}
	for _, code := range Codes() {
		keys = append(keys, "error."+code)
	}
	for _, name := range states() {
		keys = append(keys, "state."+name)
	}
	for _, right := range statement.Rights() {
		keys = append(keys, "right."+string(right))
	}
	keys = append(keys, subjectKeys()...)
	for _, status := range statuses() {
		keys = append(keys, fmt.Sprintf("failure.%d.heading", status), fmt.Sprintf("failure.%d.text", status))
	}
	return keys
}

// pluralKeys lists the messages with a plural.
func pluralKeys() []string {
	return []string{"duration.day", "duration.hour", "duration.minute", "duration.second"}
}

// keysIn finds the calls {{t "key" …}} below a node.
func keysIn(node parse.Node) []string {
	var keys []string
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			keys = append(keys, keysIn(child)...)
		}
	case *parse.ActionNode:
		return keysIn(n.Pipe)
	case *parse.TemplateNode:
		return keysIn(n.Pipe)
	case *parse.IfNode:
		return branchKeys(&n.BranchNode)
	case *parse.RangeNode:
		return branchKeys(&n.BranchNode)
	case *parse.WithNode:
		return branchKeys(&n.BranchNode)
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		for _, command := range n.Cmds {
			keys = append(keys, keysIn(command)...)
		}
	case *parse.CommandNode:
		return commandKeys(n)
	}
	return keys
}

func branchKeys(n *parse.BranchNode) []string {
	return slices.Concat(keysIn(n.Pipe), keysIn(n.List), keysIn(n.ElseList))
}

func commandKeys(n *parse.CommandNode) []string {
	var keys []string
	if name, ok := n.Args[0].(*parse.IdentifierNode); ok && name.Ident == "t" && len(n.Args) > 1 {
		if key, ok := n.Args[1].(*parse.StringNode); ok {
			keys = append(keys, key.Text)
		}
	}
	for _, arg := range n.Args {
		keys = append(keys, keysIn(arg)...)
	}
	return keys
}
