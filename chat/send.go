package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// Send appends what a member says; only text for now. It returns when the entry is durable. After an error that invites
// another try, or the end of ctx, the outcome is unknown: sending again with the same cid makes no second entry and returns
// the first one's place.
func (s *Service) Send(ctx context.Context, p identity.Principal, d Draft) (Ack, error) {
	c, err := s.enter(ctx, p, identity.ChatSend, d.Conversation)
	if err != nil {
		return Ack{}, err
	}
	if err := checkClientID(d.CID); err != nil {
		return Ack{}, err
	}
	if d.Type != TypeText {
		return Ack{}, policy.ErrBadRequest.With("Entries of this type can't be sent.", "不能发送这种类型的消息。")
	}
	return s.add(ctx, c, p.User, d, "")
}

// Post appends an entry by the system, of type "interview" or "system". It is idempotent by d.CID, which must be the same
// on every try and not "opened" or "name_disclosed", which are taken; d.Conversation is not looked at.
func (s *Service) Post(ctx context.Context, id ConversationID, d Draft) (Ack, error) {
	d.Conversation = id
	c, err := s.circle(ctx, id)
	if err != nil {
		return Ack{}, err
	}
	if err := checkSystemID(d.CID); err != nil {
		return Ack{}, err
	}
	if d.Type != TypeInterview && d.Type != TypeSystem {
		return Ack{}, policy.ErrBadRequest.With("The system does not post entries of this type.", "系统不发送这种类型的消息。")
	}
	return s.add(ctx, c, "", d, "")
}

// disclosed is the cid of the entry that tells of a disclosure. A conversation has one candidate, so there is one.
const disclosed ClientID = "name_disclosed"

// Disclose lets the other side see the candidate's full name in this conversation from now on (T2). The flag and the entry
// that tells of it are one transaction. It can't be taken back; repeating it changes nothing.
func (s *Service) Disclose(ctx context.Context, p identity.Principal, id ConversationID) error {
	c, err := s.enter(ctx, p, identity.ChatDisclose, id)
	if err != nil {
		return err
	}
	content, err := json.Marshal(wire.SystemContent{Code: "name_disclosed", User: string(p.User)})
	if err != nil {
		return fmt.Errorf("encode disclosure: %w", err)
	}
	_, err = s.add(ctx, c, "", Draft{Conversation: id, CID: disclosed, Type: TypeSystem, Content: content}, p.User)
	return err
}

// add checks, seals and appends.
func (s *Service) add(ctx context.Context, c circle, sender identity.UserID, d Draft, discloses identity.UserID) (Ack, error) {
	row, err := s.row(ctx, sender, d)
	if err != nil {
		return Ack{}, err
	}
	row.Discloses = discloses
	placed, err := s.submit(ctx, d.Conversation, &ticket{row: &row, members: c.users})
	if errors.Is(err, ErrUnknown) {
		return Ack{}, policy.ErrNotFound
	}
	if err != nil {
		return Ack{}, err
	}
	return Ack{Seq: placed.Seq, Time: placed.Time, Dup: placed.Dup}, nil
}

// row is the draft with its content checked, in canonical form and sealed (A4).
func (s *Service) row(ctx context.Context, sender identity.UserID, d Draft) (Row, error) {
	check, ok := contents[d.Type]
	if !ok {
		return Row{}, errContent
	}
	plain, err := check(d.Content)
	if err != nil {
		return Row{}, err
	}
	sealed, err := seal(ctx, s.vault, BodyKey(d.Conversation, sender), bodyLabel(d.Conversation, sender, d.CID, d.Type), plain)
	if errors.Is(err, keys.ErrDestroyed) { // the sender's words were erased for good (R2, R4)
		return Row{}, policy.ErrGone
	}
	if err != nil {
		return Row{}, fmt.Errorf("seal entry: %w", err)
	}
	row := Row{Conversation: d.Conversation, Sender: sender, CID: d.CID, Type: d.Type, Sealed: sealed}
	row.Event, err = s.event(row, plain)
	return row, err
}

// Mark moves one's own cursors forward. What is behind the cursor changes nothing, what is beyond the head counts as the
// head, and what is read is delivered too.
func (s *Service) Mark(ctx context.Context, p identity.Principal, id ConversationID, delivered, read Seq) error {
	c, err := s.enter(ctx, p, identity.ConversationRead, id)
	if err != nil {
		return err
	}
	m := Mark{Conversation: id, User: p.User, Delivered: max(delivered, read), Read: read}
	_, err = s.submit(ctx, id, &ticket{mark: &m, members: c.users})
	if errors.Is(err, ErrUnknown) {
		return policy.ErrNotFound
	}
	return err
}
