package nondelivery

import (
	"regexp"
	"sync"
)

// wordRow is one row of the table of words.
type wordRow struct {
	reason Reason
	how    weight
	words  *regexp.Regexp
}

// weight is how much words say.
type weight int

const (
	weakly  weight = iota // only where there is nothing else
	usually               // where the code says little, or was reported apart
	plainly               // whatever the code is
)

// said is what the words of a reply say; no reason: nothing that is understood.
type said struct {
	Reason
	weight
}

// wordTable lists words by which mail systems say why, the first that fit first. They are those of Postfix, Exim,
// Sendmail, qmail and Exchange, of Gmail, Outlook, Yahoo, iCloud, GMX, T-Online, Orange, Mail.ru and QQ, and of relays
// such as Amazon SES, SendGrid and Postmark, as these document them or as reports repeat them. They are matched in
// lower case, with one space between words, and without addresses and URLs.
func wordTable() []wordRow {
	row := func(reason Reason, how weight, words string) wordRow {
		return wordRow{reason, how, regexp.MustCompile(words)}
	}
	const (
		// the recipient
		them = `(?:user(?: ?name| ?id)?|mail ?box|inbox|recipients?|accounts?|address(?:es)?|addressee|alias|mail ` +
			`?drop` +
			`|customer|subscriber|person|destination|local ?part|utilisateur|destinataires?|adresse|compte|bo[iî]te` +
			`|empf[aä]nger|benutzer|konto|postfach|destinatario|usuario|utente|casella|indirizzo|cuenta|buz[oó]n` +
			`|gebruiker|ontvanger|postbus)`
		// and what it means for good
		gone = `(?:unknown|not (?:be )?(?:found|known|exist|valid|registered|active|activated|available|hosted|local` +
			`|listed here|recogni[sz]ed|located|resolved?|a (?:known|valid|local))|(?:does|do|did|has|have)(?: ` +
			`not|n.?t)` +
			`(?: currently)? (?:exist|have an? |match)|no longer|is ?n.t (?:known|valid|active|a )|non?-?exist\w*` +
			`|invalid|incorrect|undeliverable|unrout\w+|disabled|deactivated|inactive|closed|cancell?ed|terminated` +
			`|discontinued|expired|deleted|removed|suspended|unavailable|moved|rejected|refused|no such|misspelled` +
			`|inconnue?s?|inexistante?s?|n.existe (?:pas|plus)|invalides?|d[ée]sactiv\S+|unbekannt|existiert nicht` +
			`|nicht (?:gefunden|vorhanden|bekannt)|ung[uü]ltig|deaktiviert|desconocid[oa]|no existe|inexistente` +
			`|inv[aá]lid[oa]` +
			`|sconosciut[oa]|non esiste|inesistente|onbekend|bestaat niet|ongeldig)`
		// the sender
		us = `(?:your? (?:\w+ )?(?:ip|host|hostname|server|network|domain|system|isp|provider|reputation|relay` +
			`|client|sender)` +
			`|sending (?:\w+ )?(?:ip|host|server|network|domain|mta|system)|client (?:host|ip)|connecting (?:ip|host)` +
			`|(?:this|the|our) ip\b|ip address|network address|ip ?=)`
	)
	return []wordRow{
		// closed to the outside
		row(Recipient, usually, `resolver\.rst\.(?:auth|sender)not?auth\w*|resolver\.rst\.(?:authrequired`+
			`|notauthorized)`+
			`|(?:group|list|folder|members?) (?:is |only )?(?:restricted|closed|members?)`+
			`|(?:only|restricted to) (?:\w+ ){0,3}members`+
			`|not (?:in|on) (?:the |its )?(?:\w+ )?allowed[- ]senders|allowed to (?:send|post) to (?:this|the) `+
			`(?:group|list)`+
			`|sender (?:was )?not authenticated (?:for|by)`),
		// the sender's address
		row(Sender, plainly, `sender(?:.s)?(?: \w+){0,3}? (?:is |was |has |not )*(?:been )?(?:not? |denied`+
			`|rejected|refused|unknown`+
			`|invalid|blocked|banned|unverified|verif\w+|does ?n|has no|unauthor\w*|blacklist\w*|suspended)`+
			`|(?:unauthori[sz]ed|unauthenticated|unknown|unverified|invalid|bad|banned|blocked|null|bad outbound) `+
			`sender`+
			`|sender verif\w+ fail|(?:cannot|can.t|could not|unable to|not) (?:verify|validate|find|resolve) `+
			`(?:the |your )?sender|verification failed for|(?:domain|address|mailbox) of (?:the )?sender`+
			`|(?:from|sender|return) (?:address|domain|header)(?: \w+){0,4} (?:not|un\w+|does ?n|rejected|refused)`+
			`|(?:match|not) a (?:verified )?sender|(?:email )?address(?:es)? (?:is|are) not verified|identit\w+ `+
			`failed the check`+
			`|not owned by|send as (?:this|another)|mail from (?:command )?(?:not|rejected|refused|denied)|sender `+
			`signature`),
		// relaying and logging in
		row(Sender, plainly, `relay(?:ing|ed)?(?: mail| access| operation| command| \S+){0,2}(?: is| was| has been)? `+
			`?(?:not (?:permitted|allowed|authori[sz]ed)|denied|prohibited|rejected|refused|forbidden)`+
			`|(?:not|unable to|cannot|can.t|may not|no right to|refuse\w* to|not allowed to|no) relay|(?:open`+
			`|mail) relay`+
			`|rcpthosts|accepted for relay`),
		row(Sender, usually, `authenticat\w+ (?:is |was )?(?:required|needed|failed|missing|first)|(?:must|please`+
			`|requires?|need`+
			`\w*|first|not|without|proper|should|client \w+ not) (?:be |to |an? |been |smtp )?authenticat|log(?: `+
			`?in| ?on) `+
			`(?:first|required)|(?:please|must|should) (?:first )?log ?in|logged in|only authenticated|smtp auth`+
			`|pop before|start ?tls|must use tls`+
			`|encryption (?:is )?required|helo|ehlo|greet|fully[- ]qualified|full(?:y)? (?:name|qualified)`),
		// our limits
		row(Sender, usually, `(?:daily|hourly|monthly|weekly|per (?:day|hour|minute|month)|today|sending`+
			`|submission|outgoing`+
			`|outbound|message|email|letter|rate|plan|trial|credits?|tenant|user sending|recipient rate|in a day`+
			`|in an hour)`+
			`\b.{0,40}\b(?:limit|quota|exceed|threshold|used up|maximum)|(?:limit|quota|threshold|maximum)\b.{0,40}\b`+
			`(?:per (?:day|hour|minute|month)|today|daily|hourly|sending|sent|tenant|credits)|too many `+
			`(?:messages|emails|mails`+
			`|letters|connections|recipients|sessions|errors|invalid|unknown)(?: recipients| users`+
			`| addresses)? ?(?:from|by|per|today|sent|$)`+
			`|(?:your|this|sending|sender.s|our) (?:\w+ ){0,2}?account\b.{0,60}(?:suspend|disabl|block|limit|may`+
			`|restrict`+
			`|not (?:allowed|permitted|enabled|verified)|quota|deactivat|inactive|compromis|banned|send|overdue`+
			`|payment)`+
			`|maximum credits|throttl`),
		// a mailbox that is full, or gets too much
		row(Mailbox, usually, `(?:mail ?box|inbox|user|account|recipient|storage|disk|folder|quota|bo[iî]te`+
			`|postfach|casella`+
			`|buz[oó]n|mail ?drop|maildir|space)\b.{0,60}\b(?:full|over ?quota|exceed\w*|used up|(?:out of|no|not `+
			`enough|insufficient`+
			`|holds no) (?:more|\w+ ?space|storage|room)|pleine|voll|piena|llen[oa]|too large|too big|limit)`+
			`|over ?quota|(?:exceed\w*|over) (?:\w+ ){0,3}?(?:quota|storage|allocation|size limit)|quota (?:is `+
			`)?(?:exceed\w*|full`+
			`|reached|used up)|out of (?:storage|disk|space)|no (?:more )?(?:room|space)\b|insufficient (?:\w+ `+
			`)?(?:storage|space)`+
			`|mail ?box .{0,20}\bfull|d[ée]pass\S+|[uü]berschritten|overflow|superad[oa]|superat[oa]`),
		row(Mailbox, usually, `gr[ea]y ?-?list|(?:receiving|gets|getting|received) (?:\w+ ){0,3}?(?:at a rate|too `+
			`(?:many|much|quick`+
			`\w*|fast))|receive limit|try (?:again )?(?:later|in \d+)|temporar\w+|come back later|retry later`),
		// block lists, reputation, policy, authentication of the domain, content
		row(Sender, usually, us+`.{0,80}(?:block|list|reject|refus|denied|not |banned|spam|reputation|polic`+
			`|dynamic|bad|poor)`+
			`|(?:block|reject|refus|deni|ban|bann)\w* (?:\w+ ){0,4}?`+us+
			`|\bblock(?:ed|ing|[- ]?list\w*)?\b|blacklist|black list|deny ?list|your postmaster`+
			`|dnsbl|rbl\b|spamhaus|spamcop|barracuda|proofpoint|cloudmark|abusix|uceprotect|sorbs|senderscore`+
			`|senderbase`+
			`|is listed|listed (?:in|at|on|by|for)|reputation|\bspf\b|dkim|dmarc|domainkeys|\bptr\b|reverse dns|rdns`+
			`|\bpolic(?:y|ies)\b|administrative(?:ly)? prohib\w*|prohibited|not accept\w* (?:\w+ )?(?:for|due)`),
		row(Sender, usually, `spam|\bspm\b|\bube\b|\buce\b|junk|phish|virus|malware|unsolicited|bulk mail`+
			`|suspicious|suspect`+
			`|content|attachment|filter|infected|harmful|abus(?:e|ive)|complain|message (?:was )?(?:rejected`+
			`|refused|blocked|too)`+
			`|(?:mail|letter|email) (?:was |is |has been )?(?:rejected|refused|blocked|too (?:large|big))|mail `+
			`rejet|rejet[eé]`+
			`|from (?:you|this (?:host|ip|server))\b.{0,20}(?:not|refus|reject)|no mail from|takes? no (?:mail`+
			`|letters?|email)s? from`),
		// the domain
		row(Recipient, usually, `(?:domain|host|mx|dns)\b.{0,60}\b(?:not (?:be )?found|does ?n.?o?t exist|unknown`+
			`|no such|nxdomain`+
			`|(?:has|have) no (?:mx|mail|a record)|null ?mx)|there is no (?:host|domain)|(?:unknown|no such|bad`+
			`|invalid) (?:host|domain)`+
			`|null ?mx|no mx\b|accepts? no mail|unrout\w+`),
		// the recipient
		row(Recipient, usually, them+`\b(?:[^.;]{0,60}?\b)?`+gone+
			`|(?:unknown|no such|invalid|bad|incorrect|undeliverable|disabled|inactive|unrout\w+|inconnu`+
			`|unbekannter|non-?existent`+
			`|nonexisting|no|illegal|not? (?:one|our)|not a (?:known|valid)|can(?:not|.t) (?:find|verify)) (?:or `+
			`\w+ |\w+ ){0,3}?`+them+
			`|nobody (?:here|of|by|with|has|is|called|named)|no[- ]one (?:\w+ ){0,3}?(?:here|name)|not our `+
			`customer|no longer (?:works|at|with|employed|accepts)`+
			`|recipnotfound|user ?unknown|delivery to this address|not listed in (?:domino|directory)|dd `+
			`.{0,4}\s?user|this user`+
			` does|no mail ?box|mail ?box name|(?:does not|no longer|doesn.t) live|has left`),
		// a server on the way
		row(System, weakly, `loop|too many hops|hop count|time[d ]?-?out|connection|connect to|unreachable`+
			`|(?:message|delivery|`+
			`time|retry) .{0,20}expired|too long|(?:internal|local|server|configuration) error|out of memory|service `+
			`(?:\w+ )?(?:unavailable|not available)|no answer`),
		// "you", or what was done to the sender, means us
		row(Sender, weakly, `\byou(?:r|rs)?\b|\bsend(?:er|ing|ers)?\b|\bclient\b|\bserver\b|\bhosts?\b`+
			`|\bdynamic\b|\bwebsite\b`+
			`|\brules?\b|advert\w*|\b(?:denied|refused|rejected|forbidden)\b|\bnot (?:allowed|permitted`+
			`|authori[sz]ed|welcome`+
			`|accepted)\b|protocol|\bauth\w*`),
	}
}

// words is made when it is first needed: few processes ever judge a reply.
var words = sync.OnceValue(wordTable)

// reasonSaid returns what words say, in lower case.
func reasonSaid(text string) said {
	for _, row := range words() {
		if row.words.MatchString(text) {
			return said{row.reason, row.how}
		}
	}
	return said{}
}
