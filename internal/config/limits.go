package config

// readLimits reads the limits of a site.
func readLimits(v value) Limits {
	g := v.group("emails_per_address", "signups_per_ip", "signups_per_network", "emails_per_site")
	return Limits{
		EmailsPerAddress:  optional(g.get("emails_per_address"), DefaultEmailsPerAddress, parseLimits),
		SignupsPerIP:      optional(g.get("signups_per_ip"), DefaultSignupsPerIP, parseLimits),
		SignupsPerNetwork: optional(g.get("signups_per_network"), DefaultSignupsPerNetwork, parseLimits),
		EmailsPerSite:     optional(g.get("emails_per_site"), DefaultEmailsPerSite, parseLimits),
	}
}

// readServiceLimits reads the limits over all sites.
func readServiceLimits(v value) ServiceLimits {
	g := v.group("emails_per_address", "emails")
	return ServiceLimits{
		EmailsPerAddress: optional(g.get("emails_per_address"), DefaultEmailsPerMailbox, parseLimits),
		Emails:           optional(g.get("emails"), DefaultEmails, parseLimits),
	}
}
