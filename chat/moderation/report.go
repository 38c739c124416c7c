package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/outbox"
	"parley/internal/policy"
	"parley/signal/wire"
)

// ReportID names a report; a UUIDv7.
type ReportID string

// Outcome is what came of a report; empty while it is open.
type Outcome string

// The outcomes.
const (
	Open      Outcome = ""
	Upheld    Outcome = "upheld"
	Dismissed Outcome = "dismissed"
)

// Limits of reports.
const (
	MaxReported   = 50   // entries in one
	MaxNote       = 2000 // bytes
	ReportsPerDay = 50   // of one person
)

// Reasons are what a report may be about.
var Reasons = []string{"harassment", "fraud", "fake_job", "fake_identity", "discrimination", "other"}

// Report is what somebody reported.
type Report struct {
	ID           ReportID
	Conversation chat.ConversationID
	Reporter     identity.UserID
	Reason       string
	Note         string // of one that was asked for by its id
	Filed        time.Time
	Outcome      Outcome
	Closed       time.Time
	Entries      []Exhibit // likewise
}

// Report files a report of entries of others. The entries themselves stay where they are: the report holds which they are
// and their digests, so that nobody can later say that they read differently (E1). A repeat with the same cid is the same report.
func (s *Service) Report(ctx context.Context, p identity.Principal, f wire.Report) (wire.Reported, error) {
	id := chat.ConversationID(f.Conversation)
	if _, err := s.cfg.Chat.Enter(ctx, p, identity.ChatReport, id); err != nil {
		return wire.Reported{}, err
	}
	if err := checkReport(f); err != nil {
		return wire.Reported{}, err
	}
	n, err := s.cfg.Store.Filed(ctx, p.User, s.cfg.Now().Add(-24*time.Hour))
	if err != nil {
		return wire.Reported{}, fmt.Errorf("count reports: %w", err)
	}
	if n >= ReportsPerDay {
		return wire.Reported{}, policy.ErrRateLimited.After(time.Hour)
	}
	entries, err := s.exhibits(ctx, p.User, id, f.Seqs)
	if err != nil {
		return wire.Reported{}, err
	}
	report, err := s.file(ctx, p, f, entries)
	if err != nil {
		return wire.Reported{}, err
	}
	s.metrics.reports.Inc()
	return wire.Reported{Report: string(report)}, nil
}

func checkReport(f wire.Report) error {
	if err := chat.ClientID(f.CID).Verify(); err != nil {
		return err
	}
	switch {
	case len(f.Seqs) == 0 || len(f.Seqs) > MaxReported:
		return policy.ErrBadRequest.With("Choose between one and 50 messages.", "请选择 1 到 50 条消息。")
	case !slices.Contains(Reasons, f.Reason):
		return policy.ErrBadRequest.With("Choose a reason.", "请选择举报原因。")
	case len(f.Note) > MaxNote:
		return policy.ErrTooLarge.With("The note is too long.", "补充说明过长。")
	}
	return nil
}

var errNotTheirs = policy.ErrBadRequest.With("Only messages of the other side can be reported.", "只能举报对方发送的消息。")

// exhibits fixes the entries as they are stored: an edit or recall leaves the original in the log, and it is what is fixed.
func (s *Service) exhibits(ctx context.Context, reporter identity.UserID, id chat.ConversationID, seqs []uint64) ([]Exhibit, error) {
	seqs = slices.Clone(seqs)
	slices.Sort(seqs)
	var out []Exhibit
	for _, seq := range slices.Compact(seqs) {
		if seq == 0 {
			return nil, errNotTheirs
		}
		page, _, err := s.cfg.Entries.Read(ctx, id, chat.Range{After: seq - 1, Limit: 1})
		if errors.Is(err, chat.ErrUnknown) {
			return nil, policy.ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("read reported entry: %w", err)
		}
		if len(page) == 0 || page[0].Seq != seq || page[0].Sender == "" || page[0].Sender == reporter {
			return nil, errNotTheirs
		}
		digest, err := digestOf(page[0])
		if err != nil {
			return nil, err
		}
		out = append(out, Exhibit{Seq: seq, Sender: page[0].Sender, Digest: digest})
	}
	return out, nil
}

func digestOf(e chat.Entry) (chain.Hash, error) {
	h, err := chain.Entry{
		Seq: e.Seq, Sender: string(e.Sender), CID: string(e.CID), Time: e.Time.UTC(), Type: e.Type, Sealed: e.Sealed,
	}.Digest()
	if err != nil {
		return h, fmt.Errorf("digest reported entry: %w", err)
	}
	return h, nil
}

func (s *Service) file(ctx context.Context, p identity.Principal, f wire.Report, entries []Exhibit) (ReportID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("mint report id: %w", err)
	}
	row := ReportRow{
		ID: ReportID(u.String()), Conversation: chat.ConversationID(f.Conversation), Reporter: p.User, CID: chat.ClientID(f.CID),
		Reason: f.Reason, Filed: s.cfg.Now().UTC().Truncate(time.Microsecond), Entries: entries,
	}
	if row.Note, err = s.seal(ctx, p.User, "report", string(row.ID), f.Note); err != nil {
		return "", err
	}
	var event outbox.Event
	if s.cfg.Events {
		event = outbox.Event{Kind: outbox.ReportFiled, At: row.Filed, Conversation: f.Conversation, Report: string(row.ID)}
		if event.ID, err = outbox.NewID(); err != nil {
			return "", err
		}
	}
	id, err := s.cfg.Store.File(ctx, row, event)
	if err != nil {
		return "", fmt.Errorf("file report: %w", err)
	}
	return id, nil
}

// Reports lists reports of an outcome by ids behind after, the oldest first, without notes and entries.
func (s *Service) Reports(ctx context.Context, p identity.Principal, o Outcome, after ReportID, limit int) ([]Report, error) {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return nil, err
	}
	rows, err := s.cfg.Store.Find(ctx, o, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var all []Report
	for _, r := range rows {
		all = append(all, r.report())
	}
	return all, nil
}

func (r ReportRow) report() Report {
	return Report{
		ID: r.ID, Conversation: r.Conversation, Reporter: r.Reporter, Reason: r.Reason, Filed: r.Filed, Outcome: r.Outcome, Closed: r.Closed,
		Entries: r.Entries,
	}
}

// Filed is one report with its note and entries.
func (s *Service) Filed(ctx context.Context, p identity.Principal, id ReportID) (Report, error) {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return Report{}, err
	}
	row, ok, err := s.cfg.Store.Load(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("load report: %w", err)
	}
	if !ok {
		return Report{}, policy.ErrNotFound
	}
	r := row.report()
	r.Note, err = s.open(ctx, row.Reporter, "report", string(row.ID), row.Note)
	return r, err
}

// Close gives an open report its outcome. It is ErrNotFound if there is none, ErrConflict if it has another outcome.
func (s *Service) Close(ctx context.Context, p identity.Principal, id ReportID, o Outcome) error {
	if err := identity.Allow(p, identity.Moderate); err != nil {
		return err
	}
	if o != Upheld && o != Dismissed {
		return policy.ErrBadRequest.With("An outcome is upheld or dismissed.", "处理结果只能是成立或不成立。")
	}
	done, err := s.cfg.Store.Close(ctx, id, o, s.cfg.Now().UTC().Truncate(time.Microsecond))
	if err != nil || done {
		return err
	}
	row, ok, err := s.cfg.Store.Load(ctx, id)
	switch {
	case err != nil:
		return fmt.Errorf("load report: %w", err)
	case !ok:
		return policy.ErrNotFound
	case row.Outcome != o:
		return policy.ErrConflict
	}
	return nil
}
