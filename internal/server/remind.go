package server

import (
	"context"
	"slices"
	"time"

	"parley/chat"
	"parley/chat/sealer"
	"parley/internal/identity"
	"parley/internal/notice"
	"parley/signal/wire"
)

// stale is how old an entry is at most when somebody is reminded of it: the first start with a sealer finds the whole past.
const stale = 24 * time.Hour

// remind notes what people have not read before it is sealed, so that no crash forgets it.
func remind(n *notice.Service, now func() time.Time) func(context.Context, []sealer.Unsealed) error {
	return func(ctx context.Context, entries []sealer.Unsealed) error {
		var unread []notice.Entry
		for _, e := range entries {
			if slices.Contains(chat.Uncounted, e.Type) || now().Sub(e.Time) > stale {
				continue
			}
			unread = append(unread, notice.Entry{Conversation: string(e.Conversation), Seq: e.Seq, At: e.Time, Recipients: recipients(e)})
		}
		return n.Unread(ctx, unread)
	}
}

func recipients(e sealer.Unsealed) (users []identity.UserID) {
	for _, m := range e.Members {
		if m.User != e.Sender {
			users = append(users, m.User)
		}
	}
	return users
}

// wishes are what people want to be sent.
type wishes struct{ *node }

// Notices implements [notice.Preferences].
func (w wishes) Notices(ctx context.Context, user identity.UserID) (map[string][]string, []string, wire.Quiet, error) {
	return w.people.Notices(ctx, user)
}
