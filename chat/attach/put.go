package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
)

var (
	errLarge = policy.ErrTooLarge.With("The file is too large for its kind.", "文件超过该类型的大小限制。")
	errSmall = policy.ErrTooLarge.With("Files above 8 MiB must be uploaded in parts.", "超过 8 MiB 的文件须分段上传。")
	errDay   = policy.ErrRateLimited.With("You have uploaded as much as one may within a day. Try again tomorrow.",
		"今日上传已达上限，请明天再试。")
	errNoFile = policy.ErrForbidden.With("Headhunters get a résumé as a card only; files can't be sent to them.",
		"猎头只能查看简历卡片，不能向其发送文件。")
	errUnknownKind = policy.ErrBadRequest.With("Name a kind: picture, voice, video, file or resume.",
		"请指定类型：picture、voice、video、file 或 resume。")
)

// Put takes a whole file of at most [MaxSmall] bytes. It returns when the attachment is durable; after any error that invites
// another try the same may be put again, and what the first try left goes by itself.
func (s *Service) Put(ctx context.Context, p identity.Principal, n Draft, body io.Reader) (Info, error) {
	if err := s.enter(ctx, p, n, 1); err != nil {
		return Info{}, err
	}
	done, err := s.desk.take(p.User, MaxSmall)
	if err != nil {
		return Info{}, err
	}
	defer done()
	b, err := readAll(body, MaxSmall)
	if err != nil {
		return Info{}, err
	}
	size := int64(len(b))
	if size > MaxSize[n.Kind] {
		return Info{}, errLarge
	}
	row, err := s.begin(ctx, p, n, size)
	if err != nil {
		return Info{}, err
	}
	return s.finish(ctx, row, n.Name, bytes.NewReader(b), size)
}

// readAll reads what is at most most bytes long.
func readAll(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, errCut
	case int64(len(b)) > most:
		return nil, errSmall
	case len(b) == 0:
		return nil, errEmpty
	}
	return b, nil
}

// Begin announces a file that comes by [Service.Append].
func (s *Service) Begin(ctx context.Context, p identity.Principal, n Draft, size int64) (Upload, error) {
	if err := s.enter(ctx, p, n, size); err != nil {
		return Upload{}, err
	}
	row, err := s.begin(ctx, p, n, size)
	return Upload{ID: row.ID, Size: size}, err
}

// enter asks whether the principal may upload such a thing here. A candidate's document never comes to where only headhunters
// would read it (T6); [Service.Open] keeps it from those that are in company of others.
func (s *Service) enter(ctx context.Context, p identity.Principal, n Draft, size int64) error {
	parties, err := s.Chat.Enter(ctx, p, identity.AttachPut, n.Conversation)
	if err != nil {
		return err
	}
	most, ok := MaxSize[n.Kind]
	switch {
	case !ok:
		return errUnknownKind
	case n.Kind == Resume && p.Role != identity.Candidate:
		return policy.ErrForbidden.With("Only candidates send résumés.", "只有求职者可以发送简历。")
	case size <= 0:
		return errEmpty
	case size > most:
		return errLarge
	}
	reader := func(o chat.Party) bool { return o.Role != identity.Headhunter }
	if document(n.Kind) && p.Role == identity.Candidate && !slices.ContainsFunc(parties[1:], reader) {
		return errNoFile
	}
	return nil
}

// document says whether a kind may hold a resume.
func document(k Kind) bool { return k == Resume || k == File }

// begin keeps the row. A crash after it leaves a row that ends with [Life].
func (s *Service) begin(ctx context.Context, p identity.Principal, n Draft, size int64) (Row, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return Row{}, fmt.Errorf("mint id: %w", err)
	}
	row := Row{ID: ID(u.String()), Conversation: n.Conversation, Owner: p.User, Kind: n.Kind, Announced: size}
	k, err := s.seals(ctx, n.Conversation, p.User)
	if err != nil {
		return Row{}, err
	}
	if row.Name, err = sealName(k, row.ID, shorten(n.Name, 4*MaxName)); err != nil {
		return Row{}, err
	}
	err = s.Store.Begin(ctx, row, s.Day)
	if errors.Is(err, ErrDay) {
		return Row{}, errDay
	}
	if err != nil {
		return Row{}, fmt.Errorf("begin upload: %w", err)
	}
	return row, nil
}
