package amqp

import (
	"testing"
	"time"
)

func TestOverdue(t *testing.T) {
	p := &Publisher{o: &Options{ConfirmTimeout: time.Minute, RetryTimeout: time.Minute}, opened: time.Now().Add(-time.Hour)}
	s := &session{connection: &connection{}, blocked: blockedState{lastChange: p.opened}}
	for name, test := range map[string]struct {
		sent, firstFailed time.Duration // before now; 0 means that no attempt has failed
		want              bool
	}{
		"first attempt":                 {sent: 50 * time.Second, want: false},
		"first attempt, for too long":   {sent: 70 * time.Second, want: true},
		"next attempt":                  {sent: 20 * time.Second, firstFailed: 50 * time.Second, want: false},
		"next attempt, failing so long": {sent: 20 * time.Second, firstFailed: 70 * time.Second, want: true},
		"published a moment ago":        {sent: time.Second, firstFailed: 70 * time.Second, want: false},
	} {
		c := &channelPublisher{p: p, session: s, inFlight: newInFlight(1)}
		u := unconfirmed{r: &request{}, sent: time.Now().Add(-test.sent), unblocked: time.Hour - test.sent}
		if test.firstFailed > 0 {
			u.r.firstFailed = time.Now().Add(-test.firstFailed)
		}
		c.inFlight.push(u)
		if err := c.overdue(); (err != nil) != test.want {
			t.Errorf("%s: error %v, want one: %v", name, err, test.want)
		}
	}
}
