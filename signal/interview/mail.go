package interview

import (
	"context"
	"time"

	"parley/internal/identity"
)

// mail is what came from goroutines that must not wait. Its size is bounded by the participants.
type mail struct {
	withdrawn map[identity.UserID]bool      // true: this interview was named
	revoked   map[identity.UserID]time.Time // tokens signed until then
	renewed   map[identity.UserID]identity.Principal
	media     bool   // a seat's media changed
	failed    *stage // whose recording failed
	sealed    int
	lost      bool // another node has the interview
}

func newMail() mail {
	return mail{withdrawn: map[identity.UserID]bool{}, revoked: map[identity.UserID]time.Time{},
		renewed: map[identity.UserID]identity.Principal{}}
}

// tell leaves something in the mailbox and wakes the owner. It never waits.
func (x *session) tell(write func(*mail)) {
	x.mu.Lock()
	write(&x.mail)
	x.mu.Unlock()
	signal(x.news)
}

// read takes in the mail.
func (x *session) read() {
	x.mu.Lock()
	got := x.mail
	x.mail = newMail()
	x.mu.Unlock()
	x.sealing -= got.sealed
	if got.lost && x.loaded {
		x.disown("lease lost")
	}
	x.changed = x.changed || got.media && x.loaded
	if got.sealed > 0 && x.loaded {
		x.receipts()
	}
	for user, before := range got.revoked {
		x.revoked[user] = later(x.revoked[user], before)
	}
	if !x.loaded {
		return // nobody has a seat yet; Run looks after withdrawals
	}
	ctx := context.Background()
	for user, named := range got.withdrawn {
		x.report(ctx, "withdraw", x.takeBack(ctx, user, named))
	}
	if got.failed != nil && got.failed == x.stage {
		x.end(ctx, identity.Principal{}, RecordingFailed)
	}
	for _, p := range got.renewed {
		x.renew(p)
	}
	for user := range got.revoked {
		x.revoke(ctx, user)
	}
	x.dropFailed()
}
