package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// Unseal opens an entry for a member as it is shown: after what later entries did to it, as far as e knows of them. The
// caller has made sure that it is for a member. Of an entry whose sender's words were erased the content is {"erased":true}.
func (s *Service) Unseal(ctx context.Context, e Entry) (wire.Entry, error) {
	w, _, err := s.open(ctx, e)
	if err != nil || e.Revised == nil {
		return w, err
	}
	w.Revised = &wire.Revised{Seq: e.Revised.Seq, Kind: e.Revised.Kind}
	if e.Revised.Kind == TypeRecall {
		w.Content, w.Masked = wire.RecalledContent, false
		return w, nil
	}
	edit := e
	edit.Seq, edit.CID, edit.Type, edit.Sealed = e.Revised.Seq, e.Revised.CID, TypeEdit, e.Revised.Sealed
	by, _, err := s.open(ctx, edit)
	if err != nil {
		return wire.Entry{}, err
	}
	w.Masked = by.Masked
	w.Content, err = edited(w, by.Content)
	return w, err
}

// edited is the content of an entry after an edit: of the text that was edited, with what it answers, or of an earlier edit of
// the same text.
func edited(w wire.Entry, edit json.RawMessage) (json.RawMessage, error) {
	if w.Type == TypeEdit || bytes.Equal(edit, erasedContent) {
		return edit, nil
	}
	was, err := decode[wire.TextContent](w.Content)
	if err != nil {
		return nil, fmt.Errorf("read edited entry %d of %s: not in the expected form", w.Seq, w.Conversation)
	}
	is, err := decode[wire.EditContent](edit)
	if err != nil {
		return nil, fmt.Errorf("read edit of entry %d of %s: not in the expected form", w.Seq, w.Conversation)
	}
	return encode(wire.TextContent{Text: is.Text, Reply: was.Reply})
}

// open opens an entry as it was stored: what members saw, and what its sender wrote where that was more.
func (s *Service) open(ctx context.Context, e Entry) (w wire.Entry, wrote json.RawMessage, err error) {
	w = wire.Entry{Conversation: string(e.Conversation), Seq: e.Seq, Sender: string(e.Sender), CID: string(e.CID), Time: e.Time, Type: e.Type}
	plain, err := unseal(ctx, s.vault, BodyKey(e.Conversation, e.Sender), bodyLabel(e.Conversation, e.Sender, e.CID, e.Type), e.Sealed)
	switch {
	case errors.Is(err, keys.ErrDestroyed):
		w.Content = erasedContent
		return w, nil, nil
	case err != nil:
		return wire.Entry{}, nil, fmt.Errorf("open entry %d of %s: %w", e.Seq, e.Conversation, err)
	}
	w.Content, wrote, w.Masked = bytes.Cut(plain, []byte("\n"))
	return w, wrote, nil
}

// Original is an entry as evidence (E1): as it was stored, whatever later entries did to it. Wrote is what its sender wrote,
// where members see less of it.
type Original struct {
	wire.Entry
	Wrote json.RawMessage
}

// Original returns an entry as evidence, for parts of the server that have made sure who asks and why (A1); policy.ErrNotFound.
func (s *Service) Original(ctx context.Context, id ConversationID, seq Seq) (Original, error) {
	e, err := s.entry(ctx, id, seq)
	if err != nil {
		return Original{}, err
	}
	if e.Seq == 0 {
		return Original{}, policy.ErrNotFound
	}
	w, wrote, err := s.open(ctx, e)
	if err != nil {
		return Original{}, err
	}
	return Original{Entry: w, Wrote: wrote}, nil
}
