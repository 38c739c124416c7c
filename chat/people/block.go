package people

import (
	"context"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// MaxBlocks is how many people and companies one person blocks at most.
const MaxBlocks = 500

// Block keeps a member of the other side, or all of the member's company, from writing to the principal and from opening
// conversations with them; with Off not any more. Nobody is told. Repeating it changes nothing.
func (s *Service) Block(ctx context.Context, p identity.Principal, f wire.Block) error {
	parties, err := s.chat.Enter(ctx, p, identity.PeopleBlock, chat.ConversationID(f.Conversation))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(parties, func(o chat.Party) bool { return string(o.User) == f.User && o.User != p.User })
	if i < 0 {
		return policy.ErrNotFound
	}
	other := parties[i]
	if !across(party(p), other) {
		return policy.ErrBadRequest.With("Only the other side can be blocked.", "只能屏蔽对方成员。")
	}
	b := wire.Blocked{User: string(other.User), Conversation: f.Conversation}
	if f.Company {
		if other.Company == "" {
			return policy.ErrBadRequest.With("This member's company is not known. Block the person instead.", "该成员的公司未知，请改为屏蔽此人。")
		}
		b.User, b.Company = "", string(other.Company)
	}
	return s.block(ctx, p.User, b, f.Off)
}

// block adds a block, or takes it back.
func (s *Service) block(ctx context.Context, u identity.UserID, b wire.Blocked, off bool) error {
	b.Since = s.now().UTC().Truncate(time.Microsecond)
	_, err := s.change(ctx, u, func(d *document) error {
		i := slices.IndexFunc(d.Blocks, func(o wire.Blocked) bool { return o.User == b.User && o.Company == b.Company })
		switch {
		case off && i >= 0:
			d.Blocks = slices.Delete(d.Blocks, i, i+1)
		case off || i >= 0:
		case len(d.Blocks) >= MaxBlocks:
			return policy.ErrTooLarge.With("You block too many already. Take some back first.", "屏蔽数量已达上限，请先取消一些。")
		default:
			d.Blocks = append(d.Blocks, b)
		}
		return nil
	})
	return err
}

// Blocks lists whom the principal blocks, the newest first.
func (s *Service) Blocks(ctx context.Context, p identity.Principal) (wire.Blocks, error) {
	if err := identity.Allow(p, identity.PeopleBlock); err != nil {
		return wire.Blocks{}, err
	}
	return s.blocksFor(ctx, p.User)
}

func (s *Service) blocksFor(ctx context.Context, u identity.UserID) (wire.Blocks, error) {
	p, err := s.own(ctx, u)
	if err != nil {
		return wire.Blocks{}, err
	}
	list := make([]wire.Blocked, len(p.document.Blocks))
	copy(list, p.document.Blocks)
	slices.Reverse(list)
	return wire.Blocks{Blocks: list}, nil
}
