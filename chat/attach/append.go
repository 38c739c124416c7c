package attach

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/storage/object"
)

var (
	errCut    = policy.ErrUnavailable.With("The upload was cut off. Continue where it stopped.", "上传中断，请从断点继续。")
	errMoved  = policy.ErrConflict.With("The upload has come to another place. Ask where, and continue there.", "上传进度已变化，请查询进度后继续。")
	errBeyond = policy.ErrTooLarge.With("More came than was announced.", "上传内容超过声明的大小。")
)

// Upload says how far an upload has come. Only who began it is told.
func (s *Service) Upload(ctx context.Context, p identity.Principal, id chat.ConversationID, a ID) (Upload, error) {
	row, err := s.own(ctx, p, id, a)
	if err != nil {
		return Upload{}, err
	}
	return s.upload(ctx, row)
}

// own is an upload of the principal's in a conversation that the principal is in.
func (s *Service) own(ctx context.Context, p identity.Principal, id chat.ConversationID, a ID) (Row, error) {
	if _, err := s.Chat.Enter(ctx, p, identity.AttachPut, id); err != nil {
		return Row{}, err
	}
	row, err := s.load(ctx, a)
	if err == nil && (row.Conversation != id || row.Owner != p.User) {
		err = policy.ErrNotFound
	}
	return row, err
}

func (s *Service) load(ctx context.Context, a ID) (Row, error) {
	row, err := s.Store.Load(ctx, a)
	if errors.Is(err, ErrUnknown) {
		return Row{}, policy.ErrNotFound
	}
	if err != nil {
		return Row{}, fmt.Errorf("load attachment: %w", err)
	}
	return row, nil
}

func (s *Service) upload(ctx context.Context, row Row) (Upload, error) {
	u := Upload{ID: row.ID, Offset: row.Received, Size: row.Announced}
	if !row.Done {
		return u, nil
	}
	u.Offset = u.Size
	info, err := s.info(ctx, row)
	u.Done = &info
	return u, err
}

// Append takes what comes of an upload from an offset on, and keeps it piece by piece: what it says has come is durable, also
// when the rest was cut off. With the last byte the file is looked at and becomes an attachment; if that fails for another
// reason than the file's own, appending nothing at the end tries it again.
func (s *Service) Append(ctx context.Context, p identity.Principal, id chat.ConversationID, a ID, offset int64, body io.Reader) (Upload, error) {
	row, err := s.own(ctx, p, id, a)
	if err != nil {
		return Upload{}, err
	}
	if row.Done {
		return s.upload(ctx, row)
	}
	if offset != row.Received {
		return Upload{ID: row.ID, Offset: row.Received, Size: row.Announced}, errMoved
	}
	done, err := s.desk.take(p.User, 2*PartSize)
	if err != nil {
		return Upload{}, err
	}
	defer done()
	name, err := s.name(ctx, row)
	if err != nil {
		return Upload{}, err
	}
	if err := s.receive(ctx, &row, name, body); err != nil {
		return Upload{ID: row.ID, Offset: row.Received, Size: row.Announced}, err
	}
	if row.Received < row.Announced {
		return s.upload(ctx, row)
	}
	return s.complete(ctx, row, name)
}

// receive keeps parts until the body or the file ends.
func (s *Service) receive(ctx context.Context, row *Row, name string, body io.Reader) error {
	buf := new(bytes.Buffer)
	for row.Received < row.Announced {
		buf.Reset()
		_, err := io.Copy(buf, io.LimitReader(body, min(PartSize, row.Announced-row.Received)))
		n := int64(buf.Len())
		if n >= LeastPart || n > 0 && row.Received+n == row.Announced {
			if err := s.part(ctx, row, name, buf.Bytes()); err != nil {
				return err
			}
		}
		if err != nil {
			return errCut
		}
		if n < PartSize && row.Received < row.Announced {
			return nil
		}
	}
	if n, _ := io.CopyN(io.Discard, body, 1); n > 0 {
		return errBeyond
	}
	return nil
}

// partTime bounds how long it takes to make a part durable.
const partTime = time.Minute

// part makes a part durable: claimed, put, then counted; also when the client is gone by then. A crash in between leaves an object
// that nobody refers to and the upload where it was. The first part shows already whether such a file is taken at all.
func (s *Service) part(ctx context.Context, row *Row, name string, b []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partTime)
	defer cancel()
	if row.Received == 0 {
		if _, err := sniff(row.Kind, name, b); err != nil {
			return err
		}
	}
	part := Part{Object: newObject("part/attachment/"), Start: row.Received, Size: int64(len(b))}
	if err := s.Store.Claim(ctx, row.ID, part.Object); err != nil {
		return s.moved("claim part", err)
	}
	if err := s.put(ctx, *row, part.Object, bytes.NewReader(b), part.Size); err != nil {
		return err
	}
	if err := s.Store.Advance(ctx, row.ID, part); err != nil {
		return s.moved("count part", err)
	}
	row.Received += part.Size
	row.Parts = append(row.Parts, part)
	s.metrics.received.Add(float64(part.Size))
	return nil
}

// moved tells what another request, or the end of the upload's life, has done to it meanwhile.
func (s *Service) moved(what string, err error) error {
	switch {
	case errors.Is(err, ErrMoved):
		return errMoved
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrLost):
		return policy.ErrNotFound
	}
	return fmt.Errorf("%s: %w", what, err)
}

// newObject makes a key that tells nothing and never was.
func newObject(prefix object.Key) object.Key {
	var b [16]byte
	rand.Read(b[:])
	return prefix + object.Key(hex.EncodeToString(b[:]))
}

// put seals and stores one object.
func (s *Service) put(ctx context.Context, row Row, o object.Key, plain io.ReaderAt, size int64) error {
	k, err := s.seals(ctx, row.Conversation, row.Owner)
	if err != nil {
		return err
	}
	sealer, err := newSealer(k, o, size)
	if err != nil {
		return err
	}
	sealed := sealer.seal(plain)
	if err := s.Bucket.PutFile(ctx, o, sealed, sealed.Size()); err != nil {
		return fmt.Errorf("store attachment: %w", err)
	}
	return nil
}

// complete puts the parts together.
func (s *Service) complete(ctx context.Context, row Row, name string) (Upload, error) {
	k, err := s.opens(ctx, row.Conversation, row.Owner)
	if err != nil {
		return Upload{}, err
	}
	whole := &parts{ctx: ctx, bucket: s.Bucket, all: row.Parts, open: func(p Part) (*sealer, error) { return newSealer(k, p.Object, p.Size) }}
	u := Upload{ID: row.ID, Offset: row.Received, Size: row.Announced}
	info, err := s.finish(ctx, row, name, whole, row.Announced)
	if err == nil {
		u.Done = &info
	}
	return u, err
}
