package config

// readLimits reads the limits of a site.
func readLimits(v value) Limits {
	g := v.group("letters_per_address", "signups_per_ip", "signups_per_network", "letters_per_site")
	return Limits{
		EmailsPerAddress:  optional(g.get("letters_per_address"), DefaultLettersPerAddress, parseLimits),
		SignupsPerIP:      optional(g.get("signups_per_ip"), DefaultSignupsPerIP, parseLimits),
		SignupsPerNetwork: optional(g.get("signups_per_network"), DefaultSignupsPerNetwork, parseLimits),
		EmailsPerSite:     optional(g.get("letters_per_site"), DefaultLettersPerSite, parseLimits),
	}
}

// readServiceLimits reads the limits over all sites.
func readServiceLimits(v value) ServiceLimits {
	g := v.group("letters_per_address", "letters")
	return ServiceLimits{
		EmailsPerAddress: optional(g.get("letters_per_address"), DefaultLettersPerMailbox, parseLimits),
		Letters:          optional(g.get("letters"), DefaultLetters, parseLimits),
	}
}
