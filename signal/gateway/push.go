package gateway

import (
	"errors"
	"maps"
	"slices"

	"parley/chat"
	"parley/internal/policy"
	"parley/signal/interview"
	"parley/signal/wire"
)

// maxForeign bounds what is remembered of hints about conversations that are not the principal's.
const maxForeign = 1000

// deliver writes one load of the outbox. What follows it is left for the next turn, so that a busy outbox does not keep
// the owner from the client's own frames.
func (s *session) deliver() (did bool, err error) {
	l := s.box.take()
	return !l.empty(), s.unload(l)
}

func (s *session) unload(l load) error {
	for _, id := range slices.Sorted(maps.Keys(l.changed)) {
		if err := s.show(id); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty)) {
		if err := s.soil(id, l.dirty[id]); err != nil {
			return err
		}
	}
	for _, p := range l.pushes {
		if err := s.deliverOne(p); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.interviews)) {
		if err := s.showInterview(id); err != nil {
			return err
		}
	}
	if l.stirred {
		if err := s.lookWho(); err != nil {
			return err
		}
	}
	if l.doubt {
		return s.lookAround()
	}
	return nil
}

func (s *session) deliverOne(p push) error {
	switch {
	case p.conversation == "":
		return s.write(p.kind, p.line)
	case p.typist != "":
		return s.showTyping(p)
	}
	if ours, err := s.ours(p.conversation); err != nil || !ours {
		return err
	}
	if p.seq == 0 { // a cursor
		return s.write(p.kind, p.line)
	}
	m, _ := s.marks.get(p.conversation)
	if p.seq > m.pushed+1 {
		return s.catchUp(p.conversation, p.seq)
	}
	if p.seq <= m.pushed {
		return nil
	}
	m.pushed = p.seq
	s.marks.set(p.conversation, m)
	return s.write(p.kind, p.line)
}

// ours says whether the conversation is one that the principal may read in this role. One that is new to the session is
// shown first and then pushed from its beginning.
func (s *session) ours(id string) (bool, error) {
	if _, known := s.marks.get(id); known {
		return true, nil
	}
	if _, known := s.foreign[id]; known {
		return false, nil
	}
	if err := s.show(id); err != nil {
		return false, err
	}
	_, known := s.marks.get(id)
	return known, nil
}

// show pushes a conversation as the principal sees it now. One that is not the principal's, because the user is in it in
// another role (T1), is remembered and not pushed.
func (s *session) show(id string) error {
	view, err := s.g.cfg.Chat.View(s.ctx, s.p, chat.ConversationID(id))
	if err != nil {
		if r := s.refusal(s.ctx, wire.ChatConversation{}.Kind(), err); errors.Is(r, policy.ErrNotFound) || errors.Is(r, policy.ErrForbidden) {
			s.forget(id)
		}
		return nil
	}
	delete(s.foreign, id)
	if _, known := s.marks.get(id); !known {
		s.marks.set(id, position{told: view.Head})
	}
	return s.send("", wire.ChatConversation{Conversation: view})
}

func (s *session) forget(id string) {
	s.marks.drop(id)
	if s.foreign == nil || len(s.foreign) >= maxForeign {
		s.foreign = map[string]struct{}{}
	}
	s.foreign[id] = struct{}{}
}

// soil tells the client to read the log up to head, in place of pushes that were dropped.
func (s *session) soil(id string, head uint64) error {
	if ours, err := s.ours(id); err != nil || !ours {
		return err
	}
	m, _ := s.marks.get(id)
	if head <= m.pushed {
		return nil
	}
	m.pushed, m.told = head, max(m.told, head)
	s.marks.set(id, m)
	return s.send("", wire.ChatDirty{Conversation: id, Head: head})
}

// catchUp pushes the log from where the client is to head. A gap longer than maxGap is named, and only its end is sent. A
// log that can't be read just now stays behind; the next ping shows its head again.
func (s *session) catchUp(id string, head uint64) error {
	m, _ := s.marks.get(id)
	if head > m.pushed+maxGap {
		m.pushed = head - maxGap
		if err := s.send("", wire.ChatTruncated{Conversation: id, From: m.pushed, Head: head}); err != nil {
			return err
		}
	}
	for m.pushed < head {
		page, err := s.g.cfg.Chat.Read(s.ctx, s.p, chat.ConversationID(id), chat.Range{After: m.pushed, Limit: pageEntries})
		if err != nil || len(page.Entries) == 0 {
			s.marks.set(id, m)
			return s.behind(id, err)
		}
		for _, e := range page.Entries {
			if err := s.send("", wire.ChatEntry{Entry: e}); err != nil {
				return err
			}
			m.pushed = e.Seq
		}
	}
	s.marks.set(id, m)
	return nil
}

func (s *session) behind(id string, err error) error {
	if err == nil {
		return nil
	}
	if r := s.refusal(s.ctx, wire.ChatEntry{}.Kind(), err); errors.Is(r, policy.ErrNotFound) {
		s.forget(id)
	}
	return nil
}

// showInterview pushes an interview as the principal sees it now; names in it are masked for each viewer (T2).
func (s *session) showInterview(id string) error {
	if s.g.cfg.Interviews == nil {
		return nil
	}
	view, err := s.g.cfg.Interviews.View(s.ctx, s.p, interview.ID(id))
	if err != nil {
		_ = s.refusal(s.ctx, wire.InterviewState{}.Kind(), err) // logs what is no refusal
		return nil
	}
	return s.sendInterview(view)
}
