package gateway

import (
	"context"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// The domains beside the log. Their services take frames as they are and answer in frames; who may do what is theirs to say.
// A domain that is nil refuses its frames as unavailable.
type (
	// Exchanges is the exchange of contacts and resumes.
	Exchanges interface {
		Request(ctx context.Context, p identity.Principal, f wire.ExchangeRequest) (wire.ExchangeState, error)
		Answer(ctx context.Context, p identity.Principal, f wire.ExchangeAnswer) (wire.ExchangeState, error)
		Withdraw(ctx context.Context, p identity.Principal, f wire.ExchangeWithdraw) (wire.ExchangeState, error)
		Read(ctx context.Context, p identity.Principal, f wire.ExchangeRead) (wire.ExchangeValue, error)
	}
	// Appointments is when to meet.
	Appointments interface {
		Invite(ctx context.Context, p identity.Principal, f wire.AppointmentInvite) (wire.AppointmentState, error)
		Act(ctx context.Context, p identity.Principal, f wire.AppointmentAct) (wire.AppointmentState, error)
	}
	// Attachments gives addresses to read attachments from.
	Attachments interface {
		Open(ctx context.Context, p identity.Principal, f wire.AttachOpen) (wire.AttachURL, error)
	}
	// People is what a person sets for themselves and against others.
	People interface {
		Settings(ctx context.Context, p identity.Principal) (wire.Settings, error)
		Set(ctx context.Context, p identity.Principal, f wire.SettingsSet) (wire.Settings, error)
		Block(ctx context.Context, p identity.Principal, f wire.Block) error
		Blocks(ctx context.Context, p identity.Principal) (wire.Blocks, error)
		Quota(ctx context.Context, p identity.Principal) (wire.Quota, error)
		Insight(ctx context.Context, p identity.Principal, f wire.InsightGet) (wire.Insight, error)
	}
	// Reports takes what people report.
	Reports interface {
		Report(ctx context.Context, p identity.Principal, f wire.Report) (wire.Reported, error)
	}
	// Receipts gives signed heads of conversations.
	Receipts interface {
		Receipt(ctx context.Context, p identity.Principal, f wire.ChatReceiptGet) (wire.ChatReceipt, error)
	}
)

// Domains are those of a node.
type Domains struct {
	Exchanges    Exchanges
	Appointments Appointments
	Attachments  Attachments
	People       People
	Reports      Reports
	Receipts     Receipts
}

// asks makes a handler of a domain's method; of picks the domain.
func asks[D comparable, T, A wire.Body](of func(*Domains) D, f func(D, context.Context, identity.Principal, T) (A, error)) handler {
	return func(ctx context.Context, s *session, body wire.Body) (wire.Body, error) {
		var none D
		d := of(&s.g.cfg.Domains)
		if d == none {
			return nil, policy.ErrUnavailable
		}
		answer, err := f(d, ctx, s.p, body.(T))
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

func exchanges(d *Domains) Exchanges       { return d.Exchanges }
func appointments(d *Domains) Appointments { return d.Appointments }
func attachments(d *Domains) Attachments   { return d.Attachments }
func people(d *Domains) People             { return d.People }
func reports(d *Domains) Reports           { return d.Reports }
func receipts(d *Domains) Receipts         { return d.Receipts }

func blocks(d People, ctx context.Context, p identity.Principal, f wire.Block) (wire.Done, error) {
	return wire.Done{}, d.Block(ctx, p, f)
}

func blocksGet(d People, ctx context.Context, p identity.Principal, _ wire.BlocksGet) (wire.Blocks, error) {
	return d.Blocks(ctx, p)
}

func quotaGet(d People, ctx context.Context, p identity.Principal, _ wire.QuotaGet) (wire.Quota, error) {
	return d.Quota(ctx, p)
}

func settingsGet(d People, ctx context.Context, p identity.Principal, _ wire.SettingsGet) (wire.Settings, error) {
	return d.Settings(ctx, p)
}
