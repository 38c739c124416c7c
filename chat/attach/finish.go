package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/storage/object"
)

// finishTime bounds what is done with a file once it is there.
const finishTime = 10 * time.Minute

// finish makes an attachment of a file: looked at, stripped, sealed, stored. The row comes first and names what is put; a crash
// at any point leaves an upload as it was, and objects that the sweep finds.
func (s *Service) finish(ctx context.Context, row Row, name string, src io.ReaderAt, size int64) (info Info, err error) {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	defer func() { s.metrics.finished(row.Kind, err) }()
	e, err := examine(row.Kind, name, src, size)
	if err != nil {
		return Info{}, err
	}
	stored := Stored{Media: e.media, Body: newObject("attachment/"), Size: e.size, Width: e.Width, Height: e.Height, Duration: e.Duration}
	var thumb []byte
	if row.Kind == Picture {
		if thumb, err = s.thumbnail(ctx, &e); err != nil {
			return Info{}, err
		}
	}
	if err := s.keep(ctx, row, &stored, e.view, thumb); err != nil {
		return Info{}, err
	}
	err = s.Store.Finish(ctx, row.ID, stored)
	if errors.Is(err, ErrMoved) { // another request was quicker; what it made counts
		return s.again(ctx, row.ID)
	}
	if err != nil {
		return Info{}, s.moved("finish upload", err)
	}
	row.Done, row.Stored = true, stored
	s.metrics.stored.Add(float64(stored.Size))
	return s.named(row, cleanName(name, row.Kind, e.names)), nil
}

func (s *Service) again(ctx context.Context, id ID) (Info, error) {
	row, err := s.load(ctx, id)
	if err != nil {
		return Info{}, err
	}
	return s.info(ctx, row)
}

// keep puts body and thumbnail.
func (s *Service) keep(ctx context.Context, row Row, stored *Stored, body io.ReaderAt, thumb []byte) error {
	objects := append(make([]object.Key, 0, 2), stored.Body)
	if thumb != nil {
		stored.Thumb, stored.ThumbSize = newObject("attachment/"), int64(len(thumb))
		objects = append(objects, stored.Thumb)
	}
	if err := s.Store.Claim(ctx, row.ID, objects...); err != nil {
		return s.moved("claim objects", err)
	}
	if err := s.put(ctx, row, stored.Body, body, stored.Size); err != nil {
		return err
	}
	if thumb == nil {
		return nil
	}
	return s.put(ctx, row, stored.Thumb, bytes.NewReader(thumb), stored.ThumbSize)
}

// name is how the sender's device called the file.
func (s *Service) name(ctx context.Context, row Row) (string, error) {
	k, err := s.opens(ctx, row.Conversation, row.Owner)
	if err != nil {
		return "", err
	}
	return openName(k, row.ID, row.Name)
}

// info is what the server knows of an attachment that is stored.
func (s *Service) info(ctx context.Context, row Row) (Info, error) {
	name, err := s.name(ctx, row)
	if err != nil {
		return Info{}, err
	}
	return s.named(row, cleanName(name, row.Kind, endsOf(row.Media))), nil
}

// endsOf are the ends of names of what is served as a media type.
func endsOf(media string) []string {
	if ends, ok := soundNames[media]; ok {
		return ends
	}
	for _, f := range forms {
		if f.media == media && !f.strict {
			return f.names
		}
	}
	return []string{".bin"}
}

func (s *Service) named(row Row, name string) Info {
	return Info{ID: row.ID, Kind: row.Kind, AttachmentFacts: chat.AttachmentFacts{
		Name: name, Media: row.Media, Size: row.Size, Width: row.Width, Height: row.Height,
		DurationMS: row.Duration.Milliseconds(), Thumb: row.Thumb != "",
	}}
}

// Describe implements [chat.Attachments]. What it describes is kept from then on, since it is about to be sent.
func (s *Service) Describe(ctx context.Context, user identity.UserID, id chat.ConversationID, attachment, entry string) (chat.AttachmentFacts, error) {
	row, err := s.load(ctx, ID(attachment))
	switch {
	case errors.Is(err, policy.ErrNotFound), err == nil && (row.Owner != user || row.Conversation != id || !row.Done):
		return chat.AttachmentFacts{}, errNotThere
	case err != nil:
		return chat.AttachmentFacts{}, err
	case row.Kind != Kind(entry):
		return chat.AttachmentFacts{}, policy.ErrBadRequest.With("The attachment was uploaded as something else.", "附件类型与消息不一致。")
	}
	if !row.Used {
		if err := s.Store.Use(ctx, row.ID); errors.Is(err, ErrUnknown) {
			return chat.AttachmentFacts{}, errNotThere
		} else if err != nil {
			return chat.AttachmentFacts{}, fmt.Errorf("use attachment: %w", err)
		}
	}
	info, err := s.info(ctx, row)
	return info.AttachmentFacts, err
}

var errNotThere = policy.ErrNotFound.With("The attachment is not there, or no more. Upload it again.", "附件不存在或已过期，请重新上传。")
