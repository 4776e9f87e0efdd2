package problem

import "net/http"

// The codes of whole requests.
const (
	Unreadable             Code = "unreadable"
	QueryInvalid           Code = "query_invalid"
	CursorInvalid          Code = "cursor_invalid"
	BodyNotTaken           Code = "body_not_taken"
	IdempotencyKeyInvalid  Code = "idempotency_key_invalid"
	APIKeyRequired         Code = "api_key_required"
	OperatorKeyRequired    Code = "operator_key_required"
	APIKeyOfAnotherSite    Code = "api_key_of_another_site"
	APIKeyScope            Code = "api_key_scope"
	OriginNotAllowed       Code = "origin_not_allowed"
	CrossSite              Code = "cross_site"
	NotFound               Code = "not_found"
	SiteUnknown            Code = "site_unknown"
	SubscriptionUnknown    Code = "subscription_unknown"
	LinkUnknown            Code = "link_unknown"
	MethodNotAllowed       Code = "method_not_allowed"
	TooSlow                Code = "too_slow"
	Declined               Code = "declined"
	Withdrawn              Code = "withdrawn"
	IdempotencyKeyRunning  Code = "idempotency_key_running"
	LinkExpired            Code = "link_expired"
	LinkLost               Code = "link_lost"
	TooLarge               Code = "too_large"
	MediaTypeNotSupported  Code = "media_type_not_supported"
	MediaTypeMissing       Code = "media_type_missing"
	IdempotencyKeyReused   Code = "idempotency_key_reused"
	ReportUnreadable       Code = "report_unreadable"
	TooManyRequests        Code = "too_many_requests"
	InternalError          Code = "internal_error"
	SubscriptionUnreadable Code = "subscription_unreadable"
	Busy                   Code = "busy"
	Unavailable            Code = "unavailable"
)

// The codes of fields and parameters.
const (
	EmailRequired      Code = "email_required"
	EmailInvalid       Code = "email_invalid"
	EmailUndeliverable Code = "email_undeliverable"
	EmailTypo          Code = "email_typo"
	EmailsTooMany      Code = "emails_too_many"
	ConsentRequired    Code = "consent_required"
	ConsentPreticked   Code = "consent_preticked"
	PurposeRequired    Code = "purpose_required"
	PurposeUnknown     Code = "purpose_unknown"
	RedirectNotAllowed Code = "redirect_not_allowed"
	FieldRepeated      Code = "field_repeated"
	FieldInvalid       Code = "field_invalid"
	FieldSuperfluous   Code = "field_superfluous"
	FieldUnknown       Code = "field_unknown"
	IDInvalid          Code = "id_invalid"
	TextDiffers        Code = "text_differs"
	TextTooLong        Code = "text_too_long"
	ReasonRequired     Code = "reason_required"
	UseInvalid         Code = "use_invalid"
	TimeInvalid        Code = "time_invalid"
	TimeInTheFuture    Code = "time_in_the_future"
	DateInvalid        Code = "date_invalid"
	SpanInvalid        Code = "span_invalid"
	NumberInvalid      Code = "number_invalid"
	ChoiceUnknown      Code = "choice_unknown"
	IPInvalid          Code = "ip_invalid"
	RetryInvalid       Code = "retry_invalid"
	TooQuick           Code = "too_quick"
	PageExpired        Code = "page_expired"
	ChallengeRequired  Code = "challenge_required"
	ChallengeInvalid   Code = "challenge_invalid"
)

// The codes that only our signup page shows, where people need other words than programs.
const (
	CaptchaRequired Code = "captcha_required"
	ChallengeAlways Code = "challenge_always"
)

const unprocessable = http.StatusUnprocessableEntity

// table lists every problem.
var table = []Problem{
	{Code: Unreadable, Status: http.StatusBadRequest,
		Detail: "The body cannot be read. Send one JSON object, or one form, in UTF-8."},
	{Code: QueryInvalid, Status: http.StatusBadRequest,
		Detail: "The query has a parameter that this call does not know, or one twice. Send those of the " +
			"documentation, once."},
	{Code: CursorInvalid, Status: http.StatusBadRequest,
		Detail: "This cursor is not one of this listing. Send next_cursor as it was returned, with the same " +
			"parameters, or begin without."},
	{Code: BodyNotTaken, Status: http.StatusBadRequest,
		Detail: "This call takes no body. Send none."},
	{Code: IdempotencyKeyInvalid, Status: http.StatusBadRequest,
		Detail: "The Idempotency-Key cannot be read. Send one, of 1 to 255 ASCII characters in double quotes, such " +
			"as a fresh UUID."},
	{Code: APIKeyRequired, Status: http.StatusUnauthorized,
		Detail: "Send one of the site's API keys as: Authorization: Bearer KEY."},
	{Code: OperatorKeyRequired, Status: http.StatusUnauthorized,
		Detail: "Send one of the operator's API keys as: Authorization: Bearer KEY, or as the password of Basic, " +
			"under any name."},
	{Code: APIKeyOfAnotherSite, Status: http.StatusForbidden,
		Detail: "This API key is another site's. Use one of this site's api_keys."},
	{Code: APIKeyScope, Status: http.StatusForbidden,
		Detail: "This API key's scope does not allow this call. Use one with scope read to read, or with scope " +
			"write to change something."},
	{Code: OriginNotAllowed, Status: http.StatusForbidden, OnForm: true,
		Detail: "Pages of this origin may not sign up here. List it under the site's origins in the configuration, " +
			"as scheme://host[:port]: the log line of this request, found by its X-Request-Id, names it."},
	{Code: CrossSite, Status: http.StatusForbidden,
		Detail: "This came from a page of another site. Open the link of the email, and press the button there."},
	{Code: NotFound, Status: http.StatusNotFound,
		Detail: "There is nothing at this address. Check its spelling."},
	{Code: SiteUnknown, Status: http.StatusNotFound,
		Detail: "There is no site of this id. Check the address of the call."},
	{Code: SubscriptionUnknown, Status: http.StatusNotFound,
		Detail: "Nothing is known of this address at this site."},
	{Code: LinkUnknown, Status: http.StatusNotFound,
		Detail: "This link is not one of ours, or was damaged. Copy the whole link from the email."},
	{Code: MethodNotAllowed, Status: http.StatusMethodNotAllowed,
		Detail: "This address does not take this method. The Allow header lists those it takes."},
	{Code: TooSlow, Status: http.StatusRequestTimeout,
		Detail: "The body did not arrive in time. Send it again."},
	{Code: Declined, Status: http.StatusConflict,
		Detail: "Emails from this site were declined. Allow them again on the link's page first."},
	{Code: Withdrawn, Status: http.StatusConflict,
		Detail: "This consent was taken back. Sign up again to give it again."},
	{Code: IdempotencyKeyRunning, Status: http.StatusConflict,
		Detail: "The first request with this Idempotency-Key is still running. Send it again after the seconds in " +
			"Retry-After."},
	{Code: LinkExpired, Status: http.StatusGone,
		Detail: "This link has expired. Renew it on its page, or sign up again."},
	{Code: LinkLost, Status: http.StatusGone,
		Detail: "This link is one of ours, and what it led to was lost. Sign up again."},
	{Code: TooLarge, Status: http.StatusRequestEntityTooLarge,
		Detail: "The body is too large. Send at most 16 KiB."},
	{Code: MediaTypeNotSupported, Status: http.StatusUnsupportedMediaType,
		Detail: "The Content-Type is not one that this call takes. Send application/json, " +
			"application/x-www-form-urlencoded or multipart/form-data where the call takes it, " +
			"in UTF-8 and uncompressed."},
	{Code: MediaTypeMissing, Status: http.StatusUnsupportedMediaType,
		Detail: "There is no Content-Type. Say in that header what the body is: application/json, or " +
			"application/x-www-form-urlencoded or multipart/form-data where the call takes a form."},
	{Code: IdempotencyKeyReused, Status: unprocessable,
		Detail: "This Idempotency-Key was used with another body. Send a fresh key for a fresh request."},
	{Code: ReportUnreadable, Status: unprocessable,
		Detail: "This is no report about an email that is known here. Nothing was changed; do not send it again."},
	{Code: TooManyRequests, Status: http.StatusTooManyRequests, OnForm: true,
		Detail: "There were many signups from this IP or its network. Try again after the seconds in Retry-After."},
	{Code: InternalError, Status: http.StatusInternalServerError,
		Detail: "Something broke on our side. Try again; the X-Request-Id finds the cause in our log."},
	{Code: SubscriptionUnreadable, Status: http.StatusInternalServerError,
		Detail: "The record of this subscription does not open: it was damaged, or its secret is no longer " +
			"configured. Send this person nothing until it is put back; optin check -deep names all such " +
			"records."},
	{Code: Busy, Status: http.StatusServiceUnavailable,
		Detail: "The limit on emails is reached. Nothing was accepted; try again after the seconds in Retry-After."},
	{Code: Unavailable, Status: http.StatusServiceUnavailable,
		Detail: "The store cannot be reached, or would not keep this now. Nothing was accepted; try again after the " +
			"seconds in Retry-After."},

	{Code: EmailRequired, Status: unprocessable, OnForm: true, Anchor: "email",
		Detail: "Send the address in email."},
	{Code: EmailInvalid, Status: unprocessable, OnForm: true, Anchor: "email",
		Detail: "Send one bare address like name@example.org in email."},
	{Code: EmailUndeliverable, Status: unprocessable, OnForm: true, Anchor: "email",
		Detail: "The domain of this address says that it takes no mail. Ask for another address."},
	{Code: EmailTypo, Status: unprocessable, OnForm: true, Anchor: "email",
		Detail: "The domain takes no mail, and is one slip away from the well-known one of suggestion. " +
			"Ask the person; leave out suggest to send what they typed."},
	{Code: EmailsTooMany, Status: unprocessable,
		Detail: "Send at most 1,000 addresses at once."},
	{Code: ConsentRequired, Status: unprocessable, OnForm: true, Anchor: "purposes",
		Detail: "Send consent as true, and only if the person ticked the box or pressed the button themselves."},
	{Code: ConsentPreticked, Status: unprocessable, OnForm: true, Anchor: "purposes",
		Detail: "A box that was ticked beforehand is no consent. Leave it empty, and send preticked as false or not " +
			"at all."},
	{Code: PurposeRequired, Status: unprocessable, OnForm: true, Anchor: "purposes",
		Detail: "Send the ids of what the person agreed to in purposes."},
	{Code: PurposeUnknown, Status: unprocessable, OnForm: true, Anchor: "purposes",
		Detail: "Send only ids of the site's purposes."},
	{Code: RedirectNotAllowed, Status: unprocessable, OnForm: true,
		Detail: "Send an absolute URL under one of the site's redirects."},
	{Code: FieldRepeated, Status: unprocessable,
		Detail: "Send this field once, in its exact spelling."},
	{Code: FieldInvalid, Status: unprocessable,
		Detail: "Send this field as one line of text, or as true or false where it says yes or no."},
	{Code: FieldSuperfluous, Status: unprocessable,
		Detail: "Send either email or emails."},
	{Code: FieldUnknown, Status: unprocessable,
		Detail: "This call does not know this field. Send those of the documentation, in their exact spelling."},
	{Code: IDInvalid, Status: unprocessable,
		Detail: "Send 1 to 64 of a-z, 0-9 and -."},
	{Code: TextDiffers, Status: unprocessable, OnForm: true,
		Detail: "This form must show the words of the purposes as they are configured, and say so in shown. Show " +
			"those of the language in locale."},
	{Code: TextTooLong, Status: unprocessable,
		Detail: "Send at most 2,048 bytes for each purpose in shown, and 256 in method or reason."},
	{Code: ReasonRequired, Status: unprocessable,
		Detail: "Say in reason why the objection ends, such as how the person asked for it."},
	{Code: UseInvalid, Status: unprocessable,
		Detail: "Send use only with for, and without as_of: it says that you send something now."},
	{Code: TimeInvalid, Status: unprocessable,
		Detail: "Send a time like 2026-11-21T18:00:00Z, or a date like 2026-11-21."},
	{Code: TimeInTheFuture, Status: unprocessable,
		Detail: "Send a time in the past."},
	{Code: DateInvalid, Status: unprocessable,
		Detail: "Send a date like 2026-11-21."},
	{Code: SpanInvalid, Status: unprocessable,
		Detail: "Send a first day that is not after the last one, and at most 366 days together."},
	{Code: NumberInvalid, Status: unprocessable,
		Detail: "Send a whole number from 1 to 1000."},
	{Code: ChoiceUnknown, Status: unprocessable,
		Detail: "Send one of the words that the documentation lists."},
	{Code: IPInvalid, Status: unprocessable,
		Detail: "Send one IPv4 or IPv6 address, without a port."},
	{Code: RetryInvalid, Status: unprocessable,
		Detail: "Send the ids of failed events in ids, 250 at most, or send all as true instead."},
	{Code: TooQuick, Status: unprocessable, OnForm: true,
		Detail: "Our signup page was filled in sooner than a person can. The page comes back; send it as it is now."},
	{Code: PageExpired, Status: unprocessable, OnForm: true,
		Detail: "This does not come from a signup page of ours that was made within a day. The page comes back; " +
			"send it as it is now."},
	{Code: ChallengeRequired, Status: unprocessable, OnForm: true,
		Detail: "This signup needs a proof. Solve the challenge and send the solution in altcha, or show the " +
			"captcha and send its token in its field."},
	{Code: ChallengeInvalid, Status: unprocessable, OnForm: true,
		Detail: "This proof is wrong, is another site's, came too late, or was used before. Send the signup again " +
			"with a new one for the challenge or captcha given here."},

	{Code: CaptchaRequired, Status: unprocessable, OnForm: true, Anchor: "captcha", PageOnly: true},
	{Code: ChallengeAlways, Status: unprocessable, OnForm: true, PageOnly: true},
}
