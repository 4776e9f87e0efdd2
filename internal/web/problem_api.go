package web

import "net/http"

// The codes of the calls of a site's servers, and of idempotency keys.
const (
	codeKeyScope    code = "api_key_scope"
	codeQuery       code = "query_invalid"
	codeCursor      code = "cursor_invalid"
	codeBody        code = "body_not_taken"
	codeOperatorKey code = "operator_key_required"
	codeReport      code = "report_unreadable"
	codeOnceInvalid code = "idempotency_key_invalid"
	codeOnceReused  code = "idempotency_key_reused"
	codeOnceRunning code = "idempotency_key_running"
)

// The codes of their fields and parameters, all 422.
const (
	codeEither        code = "field_superfluous"
	codeEmailsTooMany code = "emails_too_many"
	codeTime          code = "time_invalid"
	codeTimeAhead     code = "time_in_the_future"
	codeDate          code = "date_invalid"
	codeSpan          code = "span_invalid"
	codeNumber        code = "number_invalid"
	codeChoice        code = "choice_unknown"
	codeIP            code = "ip_invalid"
)

// apiWords are the status and the words of a code of a site's servers; 0 for any other.
func (c code) apiWords() (status int, detail string) {
	switch c {
	case codeKeyScope:
		return http.StatusForbidden, "This API key's scope does not hold this call. Use one whose scope is read for questions, write for acts."
	case codeQuery:
		return http.StatusBadRequest, "The query holds a parameter that this call does not know, or one twice. Send those of the documentation, once."
	case codeCursor:
		return http.StatusBadRequest, "This cursor is not one of this listing. Send next_cursor as it was answered, with the same parameters, or begin without."
	case codeBody:
		return http.StatusBadRequest, "This call takes no body. Send none."
	case codeOperatorKey:
		return http.StatusUnauthorized, "Send one of the operator's API keys as: Authorization: Bearer KEY, or as the password of Basic, under any name."
	case codeReport:
		return http.StatusUnprocessableEntity, "This is no report about a letter that is known here. Nothing was changed; do not send it again."
	case codeOnceInvalid:
		return http.StatusBadRequest, "The Idempotency-Key cannot be read. Send one, of 1 to 255 ASCII characters in double quotes, such as a fresh UUID."
	case codeOnceReused:
		return http.StatusUnprocessableEntity, "This Idempotency-Key was used with another body. Send a fresh key for a fresh request."
	case codeOnceRunning:
		return http.StatusConflict, "The first request with this Idempotency-Key is still running. Send it again after the seconds in Retry-After."
	}
	return 0, ""
}

// apiFieldWords are the words of a field's code; empty for any other.
func (c code) apiFieldWords() string {
	switch c {
	case codeEither:
		return "Send either email or emails."
	case codeEmailsTooMany:
		return "Send at most 1,000 addresses at once."
	case codeTime:
		return "Send a time like 2026-11-21T18:00:00Z, or a date like 2026-11-21."
	case codeTimeAhead:
		return "Send a time that has been."
	case codeDate:
		return "Send a date like 2026-11-21."
	case codeSpan:
		return "Send a first day that is not after the last one, and at most 366 days together."
	case codeNumber:
		return "Send a whole number from 1 to 1000."
	case codeChoice:
		return "Send one of the words that the documentation lists."
	case codeChallengeRequired:
		return "This signup must bring a proof. Solve what stands in challenge and send that in altcha, or show what stands in captcha and send its token in its field."
	case codeChallengeInvalid:
		return "This proof is none, is of another site, came too late, or was used before. Send the signup again with one of what stands in challenge or captcha."
	case codeIP:
		return "Send one IPv4 or IPv6 address, without a port."
	}
	return ""
}
