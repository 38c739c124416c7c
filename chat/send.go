package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// Send appends what a member says. It returns when the entry is durable. After an error that invites another try, or the
// end of ctx, the outcome is unknown: sending again with the same cid makes no second entry and returns the first one's
// place.
func (s *Service) Send(ctx context.Context, p identity.Principal, d Draft) (Ack, error) {
	wait, err := s.Begin(ctx, p, d)
	if err != nil {
		return Ack{}, err
	}
	return wait(ctx)
}

// Begin is the first half of [Service.Send]: it checks, asks the gates, seals and puts into the queue. What one goroutine
// begins in a conversation is in the log in the same order. Wait is the other half and returns when the entry is durable, or
// with ctx's own error; then it may be called again, and gives an answer that is there even if that ctx has ended too. Without
// it the entry is stored all the same.
func (s *Service) Begin(ctx context.Context, p identity.Principal, d Draft) (wait func(context.Context) (Ack, error), err error) {
	c, err := s.enter(ctx, p, identity.ChatSend, d.Conversation)
	if err != nil {
		return nil, err
	}
	if err := d.CID.Verify(); err != nil {
		return nil, err
	}
	if !kinds[d.Type].sent {
		return nil, policy.ErrBadRequest.With("Entries of this type can't be sent.", "不能发送这种类型的消息。")
	}
	w, err := written(c, p.User, d)
	if err != nil {
		return nil, err
	}
	if err := s.pass(ctx, p, &w); err != nil {
		if ack, ok := s.stored(ctx, p.User, d, err); ok {
			return func(context.Context) (Ack, error) { return ack, nil }, nil
		}
		return nil, err
	}
	return s.begin(ctx, w)
}

// Post appends an entry by the system, of a type that the server writes. It is idempotent by d.CID, which must be the same
// on every try and not "opened" or "name_disclosed", which are taken; d.Conversation is not looked at.
func (s *Service) Post(ctx context.Context, id ConversationID, d Draft) (Ack, error) {
	d.Conversation = id
	if k, ok := kinds[d.Type]; !ok || k.sent {
		return Ack{}, policy.ErrBadRequest.With("The system does not post entries of this type.", "系统不发送这种类型的消息。")
	}
	return s.Put(ctx, Posting{Draft: d})
}

// Put appends for a domain that builds on the log; it asks neither the table of authorisation nor the gates, and lets a domain
// recall and edit at any time; what a content says of its attachment is the domain's word. T3 and T6 hold. It is idempotent by
// the sender and the cid, any printable text of [MaxClientID] bytes. A step that can't be taken is [ErrTurn], wrapped.
func (s *Service) Put(ctx context.Context, p Posting) (Ack, error) {
	c, err := s.circle(ctx, p.Conversation)
	if err != nil {
		return Ack{}, err
	}
	if err := checkSystemID(p.CID); err != nil {
		return Ack{}, err
	}
	w, err := written(c, p.Sender, p.Draft)
	if err != nil {
		return Ack{}, err
	}
	w.put, w.discloses, w.turn = true, p.Discloses, p.Turn
	if p.Sender != "" {
		if err := s.prepare(ctx, &w); err != nil {
			if ack, ok := s.stored(ctx, p.Sender, p.Draft, err); ok {
				return ack, nil
			}
			return Ack{}, err
		}
	}
	if p.Wrote != nil {
		w.sent, w.cut = p.Wrote, true
	}
	wait, err := s.begin(ctx, w)
	if err != nil {
		return Ack{}, err
	}
	return wait(ctx)
}

// disclosed is the cid of the entry that tells of a disclosure. A conversation has one candidate, so there is one.
const disclosed ClientID = "name_disclosed"

// Disclose lets the other side see the candidate's full name in this conversation from now on (T2). The flag and the entry
// that tells of it are one transaction. It can't be taken back; repeating it changes nothing.
func (s *Service) Disclose(ctx context.Context, p identity.Principal, id ConversationID) error {
	if _, err := s.enter(ctx, p, identity.ChatDisclose, id); err != nil {
		return err
	}
	content, err := json.Marshal(wire.SystemContent{Code: "name_disclosed", User: string(p.User)})
	if err != nil {
		return fmt.Errorf("encode disclosure: %w", err)
	}
	d := Draft{Conversation: id, CID: disclosed, Type: TypeSystem, Content: content}
	_, err = s.Put(ctx, Posting{Draft: d, Discloses: p.User})
	return err
}

// writing is an entry on its way from its sender to its row.
type writing struct {
	circle circle
	sender identity.UserID
	draft  Draft
	value  any             // the content as the type that wire has for it
	sent   json.RawMessage // what the sender wrote, in canonical form
	shown  json.RawMessage // what members will see
	cut    bool            // that is less than the sender wrote
	put    bool            // by a domain, see [Service.Put]

	discloses identity.UserID
	revises   *Revision
	turn      *Turn
}

// written is the draft with its content understood, in canonical form.
func written(c circle, sender identity.UserID, d Draft) (writing, error) {
	k, ok := kinds[d.Type]
	if !ok {
		return writing{}, errContent
	}
	value, plain, err := k.form(d.Content)
	if err != nil {
		return writing{}, err
	}
	return writing{circle: c, sender: sender, draft: d, value: value, sent: plain, shown: plain}, nil
}

// becomes sets another content than was sent.
func (w *writing) becomes(value any) error {
	plain, err := encode(value)
	if err != nil {
		return err
	}
	w.value, w.shown = value, plain
	return nil
}

// pass prepares the entry and asks the gates about it.
func (s *Service) pass(ctx context.Context, p identity.Principal, w *writing) error {
	if err := s.prepare(ctx, w); err != nil {
		return err
	}
	if len(s.around.Gates) == 0 {
		return nil
	}
	content, err := s.admit(ctx, Attempt{
		By: p, Conversation: w.draft.Conversation, Others: w.circle.others(p.User), CID: w.draft.CID, Type: w.draft.Type,
		Content: w.shown, Confirmed: w.draft.Confirmed,
	})
	if err != nil {
		return err
	}
	if bytes.Equal(content, w.shown) {
		return nil
	}
	if w.value, w.shown, err = kinds[w.draft.Type].form(content); err != nil {
		return fmt.Errorf("content after the gates: %s", err.Error()) // no refusal: it is not the sender's fault
	}
	w.cut = true
	return nil
}

// prepare does what entries of the type need before anybody sees them.
func (s *Service) prepare(ctx context.Context, w *writing) error {
	if f := kinds[w.draft.Type].prepare; f != nil {
		return f(s, ctx, w)
	}
	return nil
}

// stored is the answer for an entry that was refused but is in the log: the refusal came too late, after a first try whose
// answer was lost.
func (s *Service) stored(ctx context.Context, sender identity.UserID, d Draft, err error) (Ack, bool) {
	var refused *policy.Refusal
	if !errors.As(err, &refused) {
		return Ack{}, false
	}
	p, err := s.store.Place(ctx, d.Conversation, sender, d.CID)
	return Ack{Seq: p.Seq, Time: p.Time, Dup: true}, err == nil
}

// begin seals and puts into the queue.
func (s *Service) begin(ctx context.Context, w writing) (func(context.Context) (Ack, error), error) {
	row, err := s.row(ctx, w)
	if err != nil {
		return nil, err
	}
	t := &ticket{held: row, members: w.circle.users}
	t.row = &t.held
	if err := s.queue(row.Conversation, t); err != nil {
		return nil, err
	}
	changed := w.cut || !bytes.Equal(w.sent, w.shown)
	return func(ctx context.Context) (Ack, error) {
		placed, err := s.await(ctx, t)
		if err != nil {
			return Ack{}, told(err)
		}
		return Ack{Seq: placed.Seq, Time: placed.Time, Dup: placed.Dup, Changed: changed}, nil
	}, nil
}

// told turns the outcomes of a row that people may cause into what they are told.
func told(err error) error {
	switch {
	case errors.Is(err, ErrUnknown):
		return policy.ErrNotFound
	case errors.Is(err, ErrRecalled):
		return errRecalled
	}
	return err
}

// row is the entry sealed (A4). Where members see less than the sender wrote, that stands behind it, as evidence (E1): a line
// that only [Service.Original] gives out.
func (s *Service) row(ctx context.Context, w writing) (Row, error) {
	d := w.draft
	plain := w.shown
	if w.cut {
		plain = bytes.Join([][]byte{w.shown, w.sent}, []byte("\n"))
	}
	sealed, err := seal(ctx, s.vault, BodyKey(d.Conversation, w.sender), bodyLabel(d.Conversation, w.sender, d.CID, d.Type), plain)
	if errors.Is(err, keys.ErrDestroyed) { // the sender's words were erased for good (R2, R4)
		return Row{}, policy.ErrGone
	}
	if err != nil {
		return Row{}, fmt.Errorf("seal entry: %w", err)
	}
	row := Row{
		Conversation: d.Conversation, Sender: w.sender, CID: d.CID, Type: d.Type, Sealed: sealed,
		Discloses: w.discloses, Revises: w.revises, Turn: w.turn,
	}
	row.Event, err = s.event(row, w.shown)
	return row, err
}

// Mark moves one's own cursors forward. What is behind the cursor changes nothing, what is beyond the head counts as the
// head, and what is read is delivered too.
func (s *Service) Mark(ctx context.Context, p identity.Principal, id ConversationID, delivered, read Seq) error {
	c, err := s.enter(ctx, p, identity.ConversationRead, id)
	if err != nil {
		return err
	}
	quiet, err := s.quiet(ctx, []identity.UserID{p.User})
	if err != nil {
		return err
	}
	members, err := s.toldOfCursors(ctx, c, p.User)
	if err != nil {
		return err
	}
	m := Mark{Conversation: id, User: p.User, Delivered: max(delivered, read), Read: read}
	t := &ticket{mark: &m, members: members, quiet: quiet[p.User]}
	if err := s.queue(id, t); err != nil {
		return err
	}
	_, err = s.await(ctx, t)
	return told(err)
}

// toldOfCursors are the members but those of the other side whom the user refuses (T4).
func (s *Service) toldOfCursors(ctx context.Context, c circle, user identity.UserID) ([]identity.UserID, error) {
	role := c.parties[c.index(user)].Role
	users := make([]identity.UserID, 0, len(c.users))
	for _, o := range c.parties {
		if across(o.Role, role) {
			refusing, err := s.refusing(ctx, o, []identity.UserID{user})
			if err != nil {
				return nil, err
			}
			if refusing[user] {
				continue
			}
		}
		users = append(users, o.User)
	}
	return users, nil
}
