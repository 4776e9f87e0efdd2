package mailer_test

import "testing"

func TestAMailboxThatIsFloodedTripsTheSite(t *testing.T) {
	for reply, trips := range map[string]bool{
		"450 4.7.28 too many forms": true, "550 5.7.28 too many forms": true, "550 5.7.26 unauthenticated": false, "450 4.7.2 no": false, "550 5.1.1 no": false,
	} {
		r := startRelay(t, says("RCPT", reply))
		o := openOffice(t, r.addr)
		_, _ = o.Run(t.Context(), o.owe(ada))
		calm, err := o.NoSurge(t.Context(), "gazette")
		if err != nil || calm == trips {
			t.Errorf("%s: calm is %v, %v", reply, calm, err)
		}
		if calm, err := o.NoSurge(t.Context(), "herald"); err != nil || !calm {
			t.Errorf("%s: another site's calm is %v, %v", reply, calm, err)
		}
	}
}
