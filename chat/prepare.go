package chat

import (
	"context"
	"slices"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// How long after an entry was stored its sender may change it.
const (
	EditWithin   = 24 * time.Hour
	RecallWithin = 2 * time.Minute
)

// recallable are the types that can be recalled: what people say and show.
var recallable = []string{TypeText, TypePicture, TypeVoice, TypeVideo, TypeFile, TypeResume, TypeJob}

var (
	errTarget   = policy.ErrBadRequest.With("There is no such entry, or this can't be done with it.", "没有这条消息，或不能对它这样操作。")
	errRecalled = policy.ErrGone.With("The message was recalled.", "消息已被撤回。")
	errLate     = policy.ErrGone.With("It is too late to change this message.", "已超过可修改的时间。")
	errNoFiles  = policy.ErrUnavailable.With("Attachments are not available here.", "暂不支持附件。")
)

func (s *Service) prepareText(ctx context.Context, w *writing) error {
	return s.replies(ctx, w, w.value.(wire.TextContent).Reply)
}

// replies makes sure that what an entry answers is there; 0 is none.
func (s *Service) replies(ctx context.Context, w *writing, to Seq) error {
	if to == 0 {
		return nil
	}
	_, err := s.target(ctx, w, to)
	return err
}

// prepareMedia puts what the server knows of the attachment in place of what a client says of it.
func (s *Service) prepareMedia(ctx context.Context, w *writing) error {
	c := w.value.(wire.MediaContent)
	if err := s.replies(ctx, w, c.Reply); err != nil {
		return err
	}
	if w.put {
		return nil
	}
	f, err := s.describe(ctx, w, c.Attachment)
	if err != nil {
		return err
	}
	return w.becomes(wire.MediaContent{
		Attachment: c.Attachment, Text: c.Text, Reply: c.Reply, Name: f.Name, Media: f.Media, Size: f.Size,
		Width: f.Width, Height: f.Height, Duration: f.DurationMS, Thumb: f.Thumb,
	})
}

// prepareResume enforces T3 and T6: a resume sent to recruiters discloses the candidate's full name; where a headhunter is
// among the members only the card is sent, and nothing is disclosed.
func (s *Service) prepareResume(ctx context.Context, w *writing) error {
	if !w.circle.has(w.sender, identity.Candidate) {
		return policy.ErrForbidden.With("Only a candidate sends a resume.", "只有求职者可以发送简历。")
	}
	c := w.value.(wire.ResumeContent)
	card := wire.ResumeContent{Card: c.Card}
	if w.circle.hasRole(identity.Headhunter) {
		w.cut = c.Attachment != ""
		return w.becomes(card)
	}
	w.discloses = w.sender
	switch {
	case c.Attachment == "":
		return w.becomes(card)
	case w.put:
		return nil
	}
	f, err := s.describe(ctx, w, c.Attachment)
	if err != nil {
		return err
	}
	card.Attachment, card.Name, card.Media, card.Size = c.Attachment, f.Name, f.Media, f.Size
	return w.becomes(card)
}

func (s *Service) prepareJob(_ context.Context, w *writing) error {
	if w.circle.has(w.sender, identity.Candidate) {
		return policy.ErrForbidden.With("A candidate does not send a job.", "求职者不能发送职位。")
	}
	return nil
}

func (s *Service) describe(ctx context.Context, w *writing, attachment string) (AttachmentFacts, error) {
	if s.around.Attachments == nil {
		return AttachmentFacts{}, errNoFiles
	}
	return s.around.Attachments.Describe(ctx, w.sender, w.draft.Conversation, attachment, w.draft.Type)
}

func (s *Service) prepareEdit(ctx context.Context, w *writing) error {
	c := w.value.(wire.EditContent)
	return s.revise(ctx, w, Revision{Target: c.Target, Kind: TypeEdit}, []string{TypeText}, EditWithin)
}

func (s *Service) prepareRecall(ctx context.Context, w *writing) error {
	c := w.value.(wire.RecallContent)
	return s.revise(ctx, w, Revision{Target: c.Target, Kind: TypeRecall}, recallable, RecallWithin)
}

// revise makes sure that the target is the sender's own, of one of the types and not older than within; to a domain the time is no
// limit.
func (s *Service) revise(ctx context.Context, w *writing, r Revision, types []string, within time.Duration) error {
	e, err := s.target(ctx, w, r.Target)
	switch {
	case err != nil:
		return err
	case e.Sender != w.sender, !slices.Contains(types, e.Type):
		return errTarget
	case !w.put && s.now().Sub(e.Time) > within:
		return errLate
	}
	w.revises = &r
	return nil
}

func (s *Service) prepareReaction(ctx context.Context, w *writing) error {
	_, err := s.target(ctx, w, w.value.(wire.ReactionContent).Target)
	return err
}

// target is the entry of the conversation that another one is about. It is not one that was recalled.
func (s *Service) target(ctx context.Context, w *writing, seq Seq) (Entry, error) {
	e, err := s.entry(ctx, w.draft.Conversation, seq)
	switch {
	case err != nil:
		return Entry{}, err
	case e.Seq == 0:
		return Entry{}, errTarget
	case e.Revised != nil && e.Revised.Kind == TypeRecall:
		return Entry{}, errRecalled
	}
	return e, nil
}

// entry reads one entry; one that is not there has no seq.
func (s *Service) entry(ctx context.Context, id ConversationID, seq Seq) (Entry, error) {
	if seq == 0 {
		return Entry{}, nil
	}
	page, _, err := s.store.Read(ctx, id, Range{After: seq - 1, Limit: 1})
	if err != nil {
		return Entry{}, known("read entry", err)
	}
	if len(page) == 0 || page[0].Seq != seq {
		return Entry{}, nil
	}
	return page[0], nil
}
