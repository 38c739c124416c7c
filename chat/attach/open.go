package attach

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/signal/wire"
)

// OpenPath begins the address of everything that may be read.
const OpenPath = "/v1/attachments/open/"

var errCard = policy.ErrForbidden.With("Headhunters see a résumé as a card only, and no files of candidates.",
	"猎头只能查看简历卡片，不能查看求职者的文件。")

// entry is what of an entry's content matters here.
type entry struct {
	seq        chat.Seq
	sender     identity.UserID
	kind       Kind
	Attachment string `json:"attachment"`
	Name       string `json:"name"` // as the gates left it
}

// Open gives a member the address of what one entry shows. A headhunter never gets a document of a candidate's, whatever was
// sent (T6). That a resume is opened is told to the candidate before the address is given (T9).
func (s *Service) Open(ctx context.Context, p identity.Principal, f wire.AttachOpen) (wire.AttachURL, error) {
	id := chat.ConversationID(f.Conversation)
	parties, err := s.Chat.Enter(ctx, p, identity.AttachOpen, id)
	if err != nil {
		return wire.AttachURL{}, err
	}
	e, err := s.entry(ctx, p, id, f.Seq)
	if err != nil {
		return wire.AttachURL{}, err
	}
	if p.Role == identity.Headhunter && document(e.kind) && e.sender != p.User && roleOf(parties, e.sender) == identity.Candidate {
		return wire.AttachURL{}, errCard // T6, said before anything is looked up
	}
	row, err := s.load(ctx, ID(e.Attachment))
	if err == nil && (!row.Done || row.Conversation != id || row.Owner != e.sender || row.Kind != e.kind || f.Thumb && row.Thumb == "") {
		err = policy.ErrNotFound
	}
	if err != nil {
		return wire.AttachURL{}, err
	}
	if e.kind == Resume && e.sender != p.User {
		if err := s.tell(ctx, p, id, e, f.Download); err != nil {
			return wire.AttachURL{}, err
		}
	}
	return s.give(ctx, p, row, f)
}

func roleOf(parties []chat.Party, user identity.UserID) identity.Role {
	i := slices.IndexFunc(parties, func(o chat.Party) bool { return o.User == user })
	if i < 0 {
		return identity.Nobody
	}
	return parties[i].Role
}

// entry is the entry as members see it: what was recalled shows nothing.
func (s *Service) entry(ctx context.Context, p identity.Principal, id chat.ConversationID, seq chat.Seq) (entry, error) {
	if seq == 0 {
		return entry{}, policy.ErrNotFound
	}
	page, err := s.Chat.Read(ctx, p, id, chat.Range{After: seq - 1, Limit: 1})
	if err != nil {
		return entry{}, err
	}
	if len(page.Entries) != 1 || page.Entries[0].Seq != seq {
		return entry{}, policy.ErrNotFound
	}
	w := page.Entries[0]
	e := entry{seq: seq, sender: identity.UserID(w.Sender), kind: Kind(w.Type)}
	if _, ok := MaxSize[e.kind]; !ok {
		return entry{}, policy.ErrNotFound
	}
	if err := json.Unmarshal(w.Content, &e); err != nil {
		return entry{}, errors.New("read entry: not in the expected form")
	}
	if e.Attachment == "" && e.kind != Resume { // of a resume it would tell a headhunter whether there is a file
		return entry{}, policy.ErrNotFound
	}
	return e, nil
}

// tell posts who opened the resume, once a day and viewer (T9). Looking and keeping are told apart. It is durable before the address
// is given; a crash in between tells of an opening that did not come about.
func (s *Service) tell(ctx context.Context, p identity.Principal, id chat.ConversationID, e entry, download bool) error {
	members, err := s.Chat.Members(ctx, id)
	if err != nil {
		return err
	}
	c := wire.SystemContent{Code: "resume_viewed", User: string(p.User)}
	if download {
		c.Code = "resume_downloaded"
	}
	for _, m := range members {
		if m.User == p.User {
			c.Company = m.Company
		}
	}
	content, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	_, err = s.Chat.Post(ctx, id, chat.Draft{Conversation: id, CID: s.openingID(c.Code, p.User, e.seq), Type: chat.TypeSystem, Content: content})
	return err
}

// openingID names what a viewer did to a resume today.
func (s *Service) openingID(code string, viewer identity.UserID, seq chat.Seq) chat.ClientID {
	h := sha256.Sum256([]byte(strconv.FormatUint(seq, 10) + "/" + string(viewer)))
	return chat.ClientID(code + ":" + hex.EncodeToString(h[:10]) + ":" + s.Now().UTC().Format("20060102"))
}

// give makes the grant: good for one object and [grant.Start]. What plays, and not on a device, may be sought in for longer, as a
// recording's side.
func (s *Service) give(ctx context.Context, p identity.Principal, row Row, f wire.AttachOpen) (wire.AttachURL, error) {
	until := s.Now().Add(grant.Start)
	seat := grant.Seat{
		Attachment: string(row.ID), Conversation: f.Conversation, Entry: f.Seq, Thumb: f.Thumb, Save: f.Download, Until: until,
	}
	if plays := row.Kind == Voice || row.Kind == Video; plays && !f.Download && !f.Thumb {
		seat.Until = time.Time{}
	}
	words, err := s.Grants.Give(ctx, p, seat)
	if err != nil {
		return wire.AttachURL{}, fmt.Errorf("give grant: %w", err)
	}
	if p.Until().Before(until) {
		until = p.Until()
	}
	s.metrics.opened(row.Kind)
	return wire.AttachURL{URL: OpenPath + words[0], Until: until.UTC()}, nil
}

// Content is what a grant's seat stands for, as long as its entry shows it to the one who was given it: a recall or a withdrawal
// ends every address at once (E1, R3). The name is the one that the entry shows, not that of the uploader's device (T6).
func (s *Service) Content(ctx context.Context, seat grant.Seat) (*Content, error) {
	if seat.Attachment == "" {
		return nil, policy.ErrNotFound
	}
	e, err := s.entry(ctx, seat.By, chat.ConversationID(seat.Conversation), seat.Entry)
	if err == nil && e.Attachment != seat.Attachment {
		err = policy.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.content(ctx, seat, e.Name)
}

func (s *Service) content(ctx context.Context, seat grant.Seat, name string) (*Content, error) {
	row, err := s.load(ctx, ID(seat.Attachment))
	if err == nil && (!row.Done || seat.Thumb && row.Thumb == "") {
		err = policy.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	c := &Content{Media: row.Media, Name: cleanName(name, row.Kind, endsOf(row.Media)), Save: seat.Save, Size: row.Size}
	o := row.Body
	if seat.Thumb {
		c.Media, c.Name, c.Size, o = "image/jpeg", "thumbnail.jpg", row.ThumbSize, row.Thumb
	}
	k, err := s.opens(ctx, row.Conversation, row.Owner)
	if err != nil {
		return nil, err
	}
	sealer, err := newSealer(k, o, c.Size)
	c.reader = reader{sealer: sealer, ctx: ctx, bucket: s.Bucket, key: o}
	return c, err
}
