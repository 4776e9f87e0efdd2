package config

import (
	"strings"
	"testing"
)

func TestWhatIsNotOurYAMLIsRefused(t *testing.T) {
	refuse(t, []refusal{
		{"listen: 127.0.0.1:8080\n", "listen: [127.0.0.1:8080\n", []string{
			"1: this is not YAML: while parsing a flow sequence that begins here: did not find expected ',' or ']'",
		}},
		{"listen: 127.0.0.1:8080\n", "listen: '127.0.0.1:8080\n", []string{
			"1: this is not YAML: while scanning a quoted scalar that begins here: found unexpected end of stream",
		}},
		{"store: redis://", "\tstore: redis://", []string{
			"4: this is not YAML: found character that cannot start any token; indent with spaces, not tabs, and put values that begin with @ or ` into quotes",
		}},
		{"name: La Gazette\n", "name: La: Gazette\n", []string{
			"14: this is not YAML: mapping values are not allowed in this context; check the indentation, and put values that contain a colon and a space into quotes",
		}},
		{"name: La Gazette\n", "name: @Gazette\n", []string{
			"14: this is not YAML: found character that cannot start any token; indent with spaces, not tabs, and put values that begin with @ or ` into quotes",
		}},
		{"name: La Gazette\n", "name: \"La \\q\"\n", []string{
			"14: this is not YAML: found unknown escape character; check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: La \xff\n", []string{
			"14: this is not UTF-8 text; save the file as UTF-8",
		}},
		{"name: La Gazette\n", "name: La\x07\n", []string{
			"14: here is a control character; delete it",
		}},
		{"name: La Gazette\n", "name: La \u2028\n", []string{
			"14: here is a control character; delete it",
		}},
		{"name: La Gazette\n", "name: La \ufdd0\n", []string{
			"14: here is a character that Unicode reserves for internal use; delete it",
		}},
		{"name: La Gazette\n", "name: &n La Gazette\n", []string{
			"14: an anchor (&name) is not allowed; repeat the value where it is needed, or put it into quotes",
		}},
		{"name: La Gazette\n", "name: &n La Gazette\n    x: *n\n", []string{
			"14: an anchor (&name) is not allowed; repeat the value where it is needed, or put it into quotes",
			"15: an alias (*name) is not allowed; repeat the value, or put it into quotes",
		}},
		{"name: La Gazette\n", "name: *n\n", []string{
			"14: an alias (*name) is not allowed; put a value that begins with * into quotes",
		}},
		{"name: La Gazette\n    url", "name: !n La\n    url", []string{
			"14: a tag (!name) is not allowed; leave it out, or put the value into quotes",
		}},
		{"name: La Gazette\n", "name: !%zz La\n", []string{
			"14: this is not YAML: did not find URI escaped octet; check the indentation, quotes and brackets",
		}},
		{"name: La Gazette\n", "name: !a^b La\n", []string{
			"14: this is not YAML; put values that begin with ! & * or % into quotes",
		}},
		{"sites:\n", "---\nsites:\n", []string{
			"12: a second document begins here; keep one, without ---",
		}},
		{"sites:\n", "x: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\nsites:\n", []string{
			"12: this is nested too deeply; check the brackets and the indentation",
		}},
		{"", "# nothing\n", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "--- \n...\n", []string{
			"1: the file has no configuration; optin keys -sample prints one to start from",
		}},
		{"", "- a\n- b\n", []string{
			"1: the file is a list, but must be a group of keys: key: value",
		}},
		{"", "just words\n", []string{
			"1: the file is a single value, but must be a group of keys: key: value",
		}},
		{"", "%YAML 9.0\n---\na: 1\n", []string{
			"1: this is not YAML: found incompatible YAML document; check the indentation, quotes and brackets",
		}},
	})
}
