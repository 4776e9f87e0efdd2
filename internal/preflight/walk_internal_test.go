package preflight

import "testing"

func TestTheOrganisationFollowsFromTheTreeWalk(t *testing.T) {
	for name, row := range map[string]struct {
		start string
		found []dmarcRecord
		want  string
	}{
		"nothing": {"a.mail.example.com", nil, "a.mail.example.com"},
		"the shortest": {"a.mail.example.com",
			[]dmarcRecord{{domain: "mail.example.com"}, {domain: "example.com"}}, "example.com"},
		"a bound": {"a.mail.example.com", []dmarcRecord{{domain: "mail.example.com", tags: tags{{"psd", "n"}}}},
			"mail.example.com"},
		"below a suffix": {"a.mail.example.com", []dmarcRecord{{domain: "com", tags: tags{{"psd", "y"}}}},
			"example.com"},
		"right below a suffix": {"example.com", []dmarcRecord{{domain: "com", tags: tags{{"psd", "y"}}}},
			"example.com"},
		"below, with a record": {"a.mail.example.com",
			[]dmarcRecord{{domain: "a.mail.example.com"}, {domain: "com", tags: tags{{"psd", "y"}}}}, "example.com"},
		"a suffix that sends": {"example.com", []dmarcRecord{{domain: "example.com", tags: tags{{"psd", "y"}}}},
			"example.com"},
		"what psd does not say": {"a.example.com", []dmarcRecord{{domain: "example.com", tags: tags{{"psd", "u"}}}},
			"example.com"},
	} {
		if got := (treeWalk{start: row.start, records: row.found}).organisation(); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}
