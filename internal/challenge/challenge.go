// Package challenge asks a signup to show that it does not come from a cheap robot: by a proof of work that the browser
// does (Work), or by a token of a captcha service (Captcha). Neither says who a person is, and neither replaces a
// limit: a proof of work makes many signups expensive, not one.
//
// Work uses the format of ALTCHA v1, so ALTCHA's own widget can solve it too. Nothing is stored for a challenge: it is
// bound by signature to its site and its end. The caller must make sure that a solution is accepted once only, over all
// replicas.
//
//	salt      = 32 hex digits "?expires=" UNIX "&site=" ID "&"
//	challenge = hex(SHA-256(salt number))            number is a secret decimal from 0 to maxnumber
//	signature = hex(HMAC-SHA256(key, challenge))
//	payload   = base64({"algorithm":"SHA-256","challenge":…,"number":…,"salt":…,"signature":…,"took":milliseconds})
//	                                                 took may be left out
//
// The salt ends with "&", and only that form is accepted. Otherwise digits could be moved from the number into the
// salt, which would change the end of a solution or make it good twice (CVE-2025-68113).
package challenge

import "errors"

var (
	// ErrInvalid says that a solution or token is not valid: forged, damaged, of another site, already used at the
	// service, or not a solution.
	ErrInvalid = errors.New("challenge: not solved")
	// ErrExpired says that a proof of work came too late. The browser did the work, so it should get a new challenge.
	ErrExpired = errors.New("challenge: solved too late")
	// ErrUnavailable says that a captcha service gave no answer; see Captcha.Verify.
	ErrUnavailable = errors.New("challenge: the captcha service is unavailable")
)
