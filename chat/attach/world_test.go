package attach_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/attach"
	"parley/chat/attach/attachtest"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/identity/grant/granttest"
	"parley/signal/wire"
	"parley/storage/object"
)

// world is a node of chat with attachments, and all that is under it.
type world struct {
	*attach.Service
	t      testing.TB
	chat   *chattest.Node
	clock  *chattest.Clock
	store  *attachtest.Memory
	bucket object.Bucket
	faults *attachtest.Faults
	grants *grant.Grants
	log    bytes.Buffer
	day    attach.Day
}

// late is an attach.Service that comes after the chat that needs it.
type late struct{ w *world }

func (l late) Describe(ctx context.Context, u identity.UserID, id chat.ConversationID, a, entry string) (chat.AttachmentFacts, error) {
	return l.w.Service.Describe(ctx, u, id, a, entry)
}

// Revoked says that nobody was.
func (w *world) Revoked(context.Context, identity.UserID, string, time.Time) (bool, error) {
	return false, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: chattest.NewClock(), store: &attachtest.Memory{}, bucket: &attachtest.Objects{}, faults: &attachtest.Faults{}}
	w.chat = chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{Now: w.clock.Now, Neighbours: chat.Neighbours{Attachments: late{w}}})
	w.grants = grant.New(grant.Config{Store: &granttest.Memory{Now: w.clock.Now}, Revocations: w, Now: w.clock.Now,
		Key: func(context.Context) ([32]byte, error) { return [32]byte{1}, nil }})
	w.restart()
	return w
}

// restart is a new process over what is durable.
func (w *world) restart() {
	w.Service = attach.New(attach.Config{
		Store: attachtest.FaultyStore{Store: w.store, Faults: w.faults}, Sweeps: attachtest.FaultySweeping{Sweeping: w.store, Faults: w.faults},
		Bucket: attachtest.FaultyBucket{Bucket: w.bucket, Faults: w.faults}, Vault: w.chat.Vault, Chat: w.chat, Grants: w.grants,
		Now: w.clock.Now, Day: w.day, Log: slog.New(slog.NewJSONHandler(&w.log, nil)),
	})
}

// as is the person with a session that lasts.
func (w *world) as(p identity.Principal) person {
	p.Expires = w.clock.Now().Add(24 * time.Hour)
	return person{p, w}
}

type person struct {
	identity.Principal
	w *world
}

func (p person) draft(id chat.ConversationID, k attach.Kind, name string) attach.Draft {
	return attach.Draft{Conversation: id, Kind: k, Name: name}
}

// puts uploads a file that is taken.
func (p person) puts(id chat.ConversationID, k attach.Kind, name string, b []byte) attach.Info {
	p.w.t.Helper()
	info, err := p.w.Put(p.w.t.Context(), p.Principal, p.draft(id, k, name), bytes.NewReader(b))
	if err != nil {
		p.w.t.Fatalf("%s puts a %s: %v", p.Role, k, err)
	}
	return info
}

// sends uploads a file and sends it.
func (p person) sends(id chat.ConversationID, k attach.Kind, name string, b []byte) chat.Seq {
	p.w.t.Helper()
	a := string(p.puts(id, k, name, b).ID)
	var content any = wire.MediaContent{Attachment: a}
	if k == attach.Resume {
		content = wire.ResumeContent{Card: wire.ResumeCard{Title: "后端工程师"}, Attachment: a}
	}
	return p.w.chat.As(p.Principal).Send(id, string(k), content).Seq
}

func (p person) open(id chat.ConversationID, seq chat.Seq, download bool) (wire.AttachURL, error) {
	return p.w.Open(p.w.t.Context(), p.Principal, wire.AttachOpen{Conversation: string(id), Seq: seq, Download: download})
}

// reads opens an entry's attachment and reads it.
func (p person) reads(id chat.ConversationID, seq chat.Seq) []byte {
	p.w.t.Helper()
	url, err := p.open(id, seq, false)
	if err != nil {
		p.w.t.Fatalf("%s opens: %v", p.Role, err)
	}
	b, err := p.w.follow(url)
	if err != nil {
		p.w.t.Fatalf("%s reads: %v", p.Role, err)
	}
	return b
}

// follow reads what an address stands for.
func (w *world) follow(url wire.AttachURL) ([]byte, error) {
	seat, err := w.grants.Use(w.t.Context(), strings.TrimPrefix(url.URL, attach.OpenPath))
	if err != nil {
		return nil, err
	}
	c, err := w.Content(w.t.Context(), seat)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return io.ReadAll(c)
}

// stored reads what was stored of an attachment.
func (w *world) stored(id attach.ID) []byte {
	w.t.Helper()
	c, err := w.Stored(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// objects are the keys of all that is in the bucket.
func (w *world) objects() (keys []object.Key) {
	w.t.Helper()
	if err := w.bucket.List(context.Background(), "", func(i object.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// swept is what is left in the bucket after a long time.
func (w *world) swept() []object.Key {
	w.t.Helper()
	w.store.Pass(attach.Life + attach.Put + time.Hour)
	if err := w.SweepOnce(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return w.objects()
}

// secret is where a photo was taken.
const secret = "+31.2304+121.4737/"

// photo is a JPEG with EXIF that tells where it was taken, turned by a quarter, and with a page hung onto its end.
func photo(t testing.TB, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(x ^ y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00" + secret
	app1 := "\xff\xe1" + string(binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))) + exif
	return []byte("\xff\xd8" + app1 + string(b.Bytes()[2:]) + "<html><script>alert(1)</script></html>")
}

// document is a PDF of about so many bytes.
func document(size int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%% line %d of a résumé\n", i)
	}
	b.WriteString("%%EOF\n")
	return b.Bytes()
}
