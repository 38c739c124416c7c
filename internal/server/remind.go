package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"parley/chat"
	"parley/chat/sealer"
	"parley/internal/identity"
	"parley/internal/notice"
	"parley/internal/policy"
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

// readers says how far people have read.
type readers struct{ *node }

// ReadTo implements [notice.Cursors].
func (r readers) ReadTo(ctx context.Context, conversation string, user identity.UserID) (uint64, bool, error) {
	members, err := r.chat.Members(ctx, chat.ConversationID(conversation))
	if errors.Is(err, policy.ErrNotFound) {
		return 0, false, nil
	}
	i := slices.IndexFunc(members, func(m chat.Member) bool { return m.User == user })
	if err != nil || i < 0 {
		return 0, false, err
	}
	return members[i].Read, true, nil
}

// wishes are what people want to be sent.
type wishes struct{ *node }

// Notices implements [notice.Preferences].
func (w wishes) Notices(ctx context.Context, user identity.UserID) (map[string][]string, []string, wire.Quiet, error) {
	return w.people.Notices(ctx, user)
}
