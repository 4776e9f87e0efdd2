package web

import (
	"fmt"
	"net/http"
	"time"
)

// code names a refusal. Codes are part of the API.
type code string

// The codes of whole requests; those of fields are below.
const (
	codeUnreadable   code = "unreadable"
	codeKeyRequired  code = "api_key_required"
	codeKeyForeign   code = "api_key_of_another_site"
	codeOrigin       code = "origin_not_allowed"
	codeCrossSite    code = "cross_site"
	codeNotFound     code = "not_found"
	codeSite         code = "site_unknown"
	codeSubscription code = "subscription_unknown"
	codeLink         code = "link_unknown"
	codeExpired      code = "link_expired"
	codeDeclined     code = "declined"
	codeWithdrawn    code = "withdrawn"
	codeMethod       code = "method_not_allowed"
	codeSlow         code = "too_slow"
	codeTooLarge     code = "too_large"
	codeMedia        code = "media_type_not_supported"
	codeTooMany      code = "too_many_requests"
	codeBroken       code = "internal_error"
	codeBusy         code = "busy"
	codeAway         code = "unavailable"
)

// The codes of fields, all 422.
const (
	codeEmailRequired      code = "email_required"
	codeEmailInvalid       code = "email_invalid"
	codeEmailUndeliverable code = "email_undeliverable"
	codeConsentRequired    code = "consent_required"
	codeConsentPreticked   code = "consent_preticked"
	codePurposeRequired    code = "purpose_required"
	codePurposeUnknown     code = "purpose_unknown"
	codeRedirect           code = "redirect_not_allowed"
	codeRepeated           code = "field_repeated"
	codeInvalid            code = "field_invalid"
	codeReplay             code = "replay_invalid"
	codeQuick              code = "too_quick"
	codeStale              code = "page_expired"
	codeChallengeRequired  code = "challenge_required"
	codeChallengeInvalid   code = "challenge_invalid"
)

// words are the status of a code, and what a program's author is told: what happened, and what to do.
func (c code) words() (status int, detail string) {
	if status, detail := c.apiWords(); status != 0 {
		return status, detail
	}
	switch c {
	case codeUnreadable:
		return http.StatusBadRequest, "The body cannot be read. Send one JSON object, or one form, in UTF-8."
	case codeKeyRequired:
		return http.StatusUnauthorized, "Send one of the site's API keys as: Authorization: Bearer KEY."
	case codeKeyForeign:
		return http.StatusForbidden, "This API key is another site's. Use one of this site's api_keys."
	case codeOrigin:
		return http.StatusForbidden, "Pages of this origin may not sign up here. List the origin under the site's origins."
	case codeCrossSite:
		return http.StatusForbidden, "This came from a page of another site. Open the link of the letter, and press its button there."
	case codeNotFound:
		return http.StatusNotFound, "There is nothing at this address. Check its spelling."
	case codeSite:
		return http.StatusNotFound, "There is no site of this id. Check the address of the call."
	case codeSubscription:
		return http.StatusNotFound, "Nothing is known of this address at this site."
	case codeLink:
		return http.StatusNotFound, "This link is not one of ours, or was damaged. Copy the whole link from the letter."
	case codeExpired:
		return http.StatusGone, "This link has expired. Renew it from its page, or sign up anew."
	case codeDeclined:
		return http.StatusConflict, "Letters from this site were declined. Lift that from the link's page first."
	case codeWithdrawn:
		return http.StatusConflict, "This consent was taken back. Sign up anew to give it again."
	case codeMethod:
		return http.StatusMethodNotAllowed, "This address does not take this method. The Allow header lists those it takes."
	case codeSlow:
		return http.StatusRequestTimeout, "The body did not arrive in time. Send it again."
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge, "The body is too large. Send at most 16 KiB."
	case codeMedia:
		return http.StatusUnsupportedMediaType, "Send application/json, application/x-www-form-urlencoded or multipart/form-data where the call takes it, in UTF-8 and uncompressed."
	case codeTooMany:
		return http.StatusTooManyRequests, "There were many signups from this IP or its network. Try again after the seconds in Retry-After."
	case codeBusy:
		return http.StatusServiceUnavailable, "As many letters are being sent as may be. Nothing was accepted; try again after the seconds in Retry-After."
	case codeAway:
		return http.StatusServiceUnavailable, "The store cannot be reached. Nothing was accepted; try again after the seconds in Retry-After."
	case codeBroken:
		return http.StatusInternalServerError, "Something broke on our side. Try again; the X-Request-Id finds the cause in our log."
	}
	return http.StatusUnprocessableEntity, c.fieldWords()
}

func (c code) fieldWords() string {
	switch c {
	case codeEmailRequired:
		return "Send the address in email."
	case codeEmailInvalid:
		return "Send one bare address like name@example.org in email."
	case codeEmailUndeliverable:
		return "The address' domain says that it takes no mail. Ask for another address."
	case codeConsentRequired:
		return "Send consent as true, and only if the person ticked the box or pressed the button themselves."
	case codeConsentPreticked:
		return "A box that was ticked beforehand is no consent. Leave it empty, and send preticked as false or not at all."
	case codePurposeRequired:
		return "Send the ids of what the person agreed to in purposes."
	case codePurposeUnknown:
		return "Send only ids of the site's purposes."
	case codeRedirect:
		return "Send an absolute URL under one of the site's redirects."
	case codeRepeated:
		return "Send this field once, in its exact spelling."
	case codeQuick:
		return "Our signup page was filled in sooner than a person can. The page comes back; send it as it is now."
	case codeStale:
		return "This does not come from a signup page of ours that was made within a day. The page comes back; send it as it is now."
	case codeReplay:
		return "Send the ids of parked events in ids, 250 at most, or send all as true instead."
	case codeInvalid:
		return "Send this field as one line of text, or as true or false where it says yes or no."
	}
	if words := c.apiFieldWords(); words != "" {
		return words
	}
	return "This field is not right."
}

// fieldError is what is wrong with one field of a body.
type fieldError struct {
	Field  string `json:"field"`
	Code   code   `json:"code"`
	Detail string `json:"detail"`
}

func wrongField(field string, c code) fieldError {
	return fieldError{Field: field, Code: c, Detail: c.fieldWords()}
}

// refusal is an error with words for outside: a code, the fields it is about, and after how long to try again.
type refusal struct {
	code   code
	fields []fieldError
	after  time.Duration
	rate   *rate   // of too many requests
	owes   *demand // the proof that a signup lacks
}

func (e *refusal) Error() string { return fmt.Sprintf("refused: %s", e.code) }

func refuse(c code) error { return &refusal{code: c} }

func refuseFields(fields []fieldError) error {
	return &refusal{code: fields[0].Code, fields: fields}
}
