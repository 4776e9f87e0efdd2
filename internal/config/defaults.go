package config

// The values of keys that are left out, as they would be written in the file.
const (
	DefaultListen            = "127.0.0.1:8080"  // listen
	KnownStoreSuffix         = ".store"          // known_store: the configuration's file with this behind its name
	DefaultDrain             = "2s"              // drain
	DefaultClientIPHeader    = "X-Forwarded-For" // client_ip_header
	DefaultConnections       = "4"               // smtp.connections
	DefaultMaxConnections    = "16"              // smtp.max_connections; smtp.connections if that is given
	DefaultLinkTTL           = "48h"             // sites[].link_ttl
	DefaultEmailsPerAddress  = "1/10m 3/24h"     // sites[].limits.emails_per_address
	DefaultSignupsPerIP      = "10/1m"           // sites[].limits.signups_per_ip
	DefaultSignupsPerNetwork = "100/1m"          // sites[].limits.signups_per_network
	DefaultEmailsPerSite     = "10000/1h"        // sites[].limits.emails_per_site
	DefaultEmailsPerMailbox  = "5/24h"           // limits.emails_per_address
	DefaultEmailsPerDomain   = "50/1h"           // limits.emails_per_domain
	DefaultEmails            = "50000/1h"        // limits.emails
	DefaultWhen              = "busy"            // sites[].challenge.when
	DefaultRevision          = "1"               // sites[].purposes[].revision
	DefaultAuditKept         = "365d"            // admin.audit_kept
	DefaultSample            = "1"               // tracing.sample
	DefaultEvidence          = "3y"              // retention.evidence; 5y with retention.profile de_phone
	DefaultIP                = "30d"             // retention.ip
	DefaultRenewBefore       = "30d"             // sites[].renew_before, beside validity

	DefaultReceiptAfterErasure = "0" // retention.receipt_after_erasure

	// store: ?durability=always. smtp.url: ?tls=offered for smtp://.
	// metrics.listen: none, and so no metrics. receipts.keys_file: none, and so no receipts.
	// tracing: none. tracing.headers: none.
	// receipts.schema_version: receipt.DefaultSchema. log: none; log.key_file: one that is made in the log's folder.
	// trusted_proxies, smtp.dkim, sites[].origins, .redirects, .api_keys, .webhooks, .frame_ancestors: none.
	// sites[].theme: theme.Default, with the site's name instead of a logo.
	// sites[].timezone: UTC. sites[].locales_dir, .from_names, .wording, .purposes[].text_child: none.
	// sites[].after: our own pages; sites[].purposes[].after: the site's.
	// sites[].reply_to: replies go to from. sites[].bounce_domain: bounces go to from.
	// sites[].reminder: nobody is reminded. sites[].validity: consents hold until they are taken back.
	// sites[].challenge.normal: measured over the last week. sites[].challenge.captcha: a proof of work instead.
	// admin.password: none, and so no dashboard. admin.api_keys: none, and so no bounces over HTTP.
	// sites[].controller.dpo, .privacy_file: none. sites[].forms: none is known, and none is strict.
	// sites[].purposes[].recipients: only the controller. .retention, .objective, .audience, .frequency: not said.
	// All other keys are required.
)

// Bounds of the file, of the files it names and of its values.
const (
	maxFile   = 1 << 20   // bytes of the configuration
	maxSecret = 64 << 10  // bytes of a secret's file
	maxLogo   = 256 << 10 // bytes of a logo
	maxNotice = 1 << 20   // bytes of a privacy notice
	maxDepth  = 32        // levels of nesting; a correct file has seven
	maxName   = 100       // characters of a name
	maxLine   = 300       // characters of a postal address, or of a recipient
	maxText   = 2000      // characters of a purpose's text
	maxLocale = 256 << 10 // bytes of a translation

	// Characters of a site's own words.
	maxSubject = 60
	maxButton  = 40
	maxOwnText = 300

	maxPurposes   = 64 // of a site
	maxForms      = 64 // of a site
	maxRecipients = 64 // of a purpose
	maxRevision   = 1_000_000
)
