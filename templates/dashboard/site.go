package dashboard

// Site is what was counted at a site.
type Site struct {
	ID, Name     string
	Pending      BoundedCount // now
	FailedEvents BoundedCount // now
	HasEndpoints bool
	Unreadable   []string // ids of records that were met and do not open

	// Of the last Overview.Days.
	Signups, Emails, Confirmations, Declines, Expired, Undeliverable int64

	ConfirmedPercent int    // of the signups; negative: unknown
	MedianBucket     string // name of the bucket that has the median time to confirm; empty: nobody confirmed
}

// TextsPath is that of the site's page of texts.
func (s Site) TextsPath() string { return textsPath(s.ID) }

// Path is that of the site's page of webhooks.
func (s Site) Path() string { return webhooksPath(s.ID) }
