package sealer

import (
	"context"

	"parley/chat"
)

// maxPeople is of how many conversations the members are remembered, in two generations: the older one is dropped as the younger is
// full.
const maxPeople = 1 << 15

// people remembers members, which never change. It is used by one goroutine at a time.
type people struct {
	young, old map[chat.ConversationID][]Member
}

func newPeople() *people {
	return &people{young: map[chat.ConversationID][]Member{}}
}

func (p *people) get(id chat.ConversationID) ([]Member, bool) {
	m, ok := p.young[id]
	if !ok {
		if m, ok = p.old[id]; ok {
			p.put(id, m)
		}
	}
	return m, ok
}

func (p *people) put(id chat.ConversationID, m []Member) {
	if len(p.young) >= maxPeople/2 {
		p.old, p.young = p.young, make(map[chat.ConversationID][]Member, maxPeople/2)
	}
	p.young[id] = m
}

// members returns who is in the conversations.
func (s *Sealer) members(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]Member, error) {
	all := make(map[chat.ConversationID][]Member, len(ids))
	var unknown []chat.ConversationID
	for _, id := range ids {
		m, ok := s.people.get(id)
		if !ok {
			unknown = append(unknown, id)
			continue
		}
		all[id] = m
	}
	if len(unknown) == 0 {
		return all, nil
	}
	found, err := s.store.Members(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for id, m := range found {
		all[id] = m
		s.people.put(id, m)
	}
	return all, nil
}
