package mailer

import "time"

// dropWaits are the waits before the next attempts at an email that a relay has never answered for, because the
// connection was lost each time. Then Waits count.
func dropWaits() []time.Duration { return []time.Duration{6 * time.Second, 25 * time.Second} }

// Waits returns the waits before the second attempt at an email, the third, and so on. The last one repeats until the
// email's link would be dead on arrival. RFC 5321 4.5.4.1 asks for 30 minutes between attempts; relays that greylist
// accept an email after a few.
func Waits() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
}
