// Package challenge asks a signup to show that it is no cheap robot's: by work that its browser does (Work), or by a token of a captcha
// service (Captcha). Neither says who somebody is, and neither replaces a limit: work makes many signups dear, not one.
//
// Work is proof of work in the format of ALTCHA v1, so that ALTCHA's own widget can solve it too. Nothing is kept of a challenge: it is
// bound by signature to its site and its end, and who takes a solution must see to it that it is spent once, over all replicas.
//
//	salt      = 32 hex digits "?expires=" UNIX "&site=" ID "&"
//	challenge = hex(SHA-256(salt number))            number is a secret decimal from 0 to maxnumber
//	signature = hex(HMAC-SHA256(key, challenge))
//	payload   = base64({"algorithm":"SHA-256","challenge":…,"number":…,"salt":…,"signature":…,"took":milliseconds, or none})
//
// The salt ends with "&", and only that form is read: else digits could be moved from the number into the salt, and a solution would be
// given another end, or be good twice (CVE-2025-68113).
package challenge

import "errors"

var (
	// ErrInvalid says that a solution or token is none: forged, damaged, of another site, spent at the service, or no solution at all.
	ErrInvalid = errors.New("challenge: not solved")
	// ErrExpired says that a solution of ours came too late. Whoever sent it did the work and deserves a new challenge.
	ErrExpired = errors.New("challenge: solved too late")
	// ErrUnavailable says that a captcha service gave no verdict; see Captcha.Verify.
	ErrUnavailable = errors.New("challenge: the captcha service cannot be asked")
)
