package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// gift is what one side brings to an exchange, as it was sent.
type gift struct {
	value      secret
	card       *wire.ResumeCard
	attachment string
	confirmed  bool
	cid        chat.ClientID // of a request; empty for an answer
}

// String shows nothing.
func (gift) String() string { return "(gift)" }

// GoString shows nothing.
func (gift) GoString() string { return "(gift)" }

// LogValue shows nothing.
func (gift) LogValue() slog.Value { return slog.StringValue("(gift)") }

// check says whether the gift is what the exchange needs of someone in that role: no less, and nothing that would be lost.
func (g gift) check(what string, role identity.Role, members []chat.Party) error {
	switch what {
	case wechat:
		return g.checkWeChat(members)
	case phone:
		if g.value != "" || g.card != nil || g.attachment != "" {
			return errParts
		}
		return nil
	case resume:
		return g.checkResume(role)
	}
	return errWhat
}

func (g gift) checkWeChat(members []chat.Party) error {
	switch {
	case headhunted(members): // T6
		return errNoWeChat
	case g.card != nil || g.attachment != "":
		return errParts
	}
	return checkWeChat(string(g.value))
}

func (g gift) checkResume(role identity.Role) error {
	switch {
	case g.value != "":
		return errParts
	case role != identity.Candidate && (g.card != nil || g.attachment != ""):
		return errParts
	case role == identity.Candidate && g.card == nil:
		return errCard
	}
	return nil
}

// delivery is a resume between the agreement and its entry. Wrote is what the candidate wrote, if a gate left less of it.
type delivery struct {
	Shown json.RawMessage `json:"shown"`
	Wrote json.RawMessage `json:"wrote,omitempty"`
}

// admit asks the gates whether the member may take the step, about the resume if there is one, and returns what is to be
// sealed of the gift; nil for nothing.
func (s *Service) admit(ctx context.Context, p identity.Principal, x exchange, step string, g gift) ([]byte, error) {
	a := chat.Attempt{By: p, Conversation: x.Conversation, CID: g.cid, Confirmed: g.confirmed, Type: chat.TypeExchange}
	if a.CID == "" {
		a.CID = chat.ClientID(label(x.ID) + "/" + step)
	}
	var err error
	if g.card == nil {
		a.Content, err = json.Marshal(wire.ExchangeContent{Exchange: string(x.ID), What: x.What, Step: step, By: string(p.User)})
	} else {
		a.Type = chat.TypeResume
		a.Content, err = s.resume(ctx, p, x, g)
	}
	if err != nil {
		return nil, err
	}
	shown, err := s.chat.Admit(ctx, a)
	if err != nil {
		return nil, err
	}
	if g.card == nil {
		return []byte(g.value), nil
	}
	d := delivery{Shown: shown}
	if string(shown) != string(a.Content) {
		d.Wrote = a.Content
	}
	return json.Marshal(d)
}

// resume is the content of the entry that the gift becomes, in the form of its type. To a headhunter goes the card alone,
// whatever was attached (T6).
func (s *Service) resume(ctx context.Context, p identity.Principal, x exchange, g gift) (json.RawMessage, error) {
	c := wire.ResumeContent{Card: *g.card}
	if g.attachment != "" && !x.headhunted() {
		if s.attachments == nil {
			return nil, policy.ErrUnavailable
		}
		facts, err := s.attachments.Describe(ctx, p.User, x.Conversation, g.attachment, chat.TypeResume)
		if err != nil {
			return nil, err
		}
		c.Attachment, c.Name, c.Media, c.Size = g.attachment, facts.Name, facts.Media, facts.Size
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode resume: %w", err)
	}
	return chat.Canonical(chat.TypeResume, raw)
}

// give seals what the member gave; nil for nothing.
func (s *Service) give(ctx context.Context, x exchange, user identity.UserID, plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	sealed, err := s.chat.SealValue(ctx, x.Conversation, user, label(x.ID), plain)
	if err != nil {
		return nil, fmt.Errorf("seal gift: %w", err)
	}
	return sealed, nil
}

// errNothing says that a member gave nothing, or that it was erased.
var errNothing = errors.New("exchange: nothing was given")

// gift opens what the member gave.
func (s *Service) gift(ctx context.Context, x exchange, user identity.UserID) ([]byte, error) {
	sealed := x.Given
	if user == x.Opener {
		sealed = x.Asked
	}
	if len(sealed) == 0 {
		return nil, errNothing
	}
	plain, err := s.chat.OpenValue(ctx, x.Conversation, user, label(x.ID), sealed)
	if errors.Is(err, policy.ErrGone) {
		return nil, errNothing
	}
	return plain, err
}
