package people

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// insightSpan is over how long a candidate's counters go.
const insightSpan = 24 * time.Hour

// Insight counts what the candidate of a conversation did lately, for a recruiter who is in it (T11); nothing of it is kept.
// Where the candidate has switched it off, refuses the recruiter (T4) or has closed the account, there is nothing to be found.
// Headhunters get none.
func (s *Service) Insight(ctx context.Context, p identity.Principal, f wire.InsightGet) (wire.Insight, error) {
	parties, err := s.chat.Enter(ctx, p, identity.InsightRead, chat.ConversationID(f.Conversation))
	if err != nil {
		return wire.Insight{}, err
	}
	i := slices.IndexFunc(parties, func(o chat.Party) bool { return o.Role == identity.Candidate })
	if i < 0 {
		return wire.Insight{}, policy.ErrNotFound
	}
	candidate := parties[i].User
	found, err := s.load(ctx, []identity.UserID{candidate})
	if err != nil {
		return wire.Insight{}, err
	}
	refuses := found[0].refuses(party(p))
	if !found[0].settings.Insight || refuses {
		return wire.Insight{}, policy.ErrNotFound
	}
	a, err := s.store.Activity(ctx, candidate, s.now().Add(-insightSpan))
	if err != nil {
		return wire.Insight{}, fmt.Errorf("count activity: %w", err)
	}
	return wire.Insight{Conversation: f.Conversation, User: string(candidate), Started: a.Started, Received: a.Received,
		Replies: a.Replies, ActiveHours: hoursOfDay(a.Hours)}, nil
}

func hoursOfDay(hours []time.Time) []int {
	out := []int{}
	for _, h := range hours {
		out = append(out, h.In(shanghai).Hour())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
