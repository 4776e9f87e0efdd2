package dashboard

import "time"

// Audit lists entries of the audit log.
type Audit struct {
	Kept         time.Duration // how long an entry is kept
	Choices      []Choice
	Subscription string // whose entries are shown; empty: everybody's
	Filtered     bool
	Continued    bool // these are not the first
	Entries      []Entry
	First, Next  string // paths of other pages; Next is empty if there is nothing older
}

// Entry is one act. By is empty if the entry can no longer be decrypted.
type Entry struct {
	At           time.Time
	By, Name     string
	Act          string
	Site         string
	Subscription string
	Path         string // of the person
	Reason       string
}

func (Audit) name() string { return "audit" }

// ActInWords writes an act of the audit log. See audit.Act.
func ActInWords(act string) string {
	return wordsFor(map[string]string{
		"look": "Looked at a person", "find": "Searched for a person", "download": "Downloaded a proof",
		"export": "Listed or exported", "resend": "Sent the email again", "withdraw": "Took consent back",
		"erase": "Erased", "object": "Kept an objection",
		"unblock": "Ended an objection", "retry": "Retried webhooks", "try": "Tried the email now",
		"stop": "Stopped an act on all that match", "test": "Tested an endpoint", "restore": "Restored the store",
		"audit": "Read the audit log",
	}, act)
}
