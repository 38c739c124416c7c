package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// uploads are attachments by id; what they are, by the type of entry that they fit.
type uploads map[string]string

func (u uploads) Describe(_ context.Context, user identity.UserID, _ chat.ConversationID, attachment, entry string) (chat.AttachmentFacts, error) {
	if u[attachment] != string(user)+"/"+entry {
		return chat.AttachmentFacts{}, policy.ErrNotFound
	}
	return chat.AttachmentFacts{Name: "欧阳晓雯.pdf", Media: "application/pdf", Size: 7, Width: 3, Height: 2, DurationMS: 9, Thumb: true}, nil
}

var card = wire.ResumeCard{Title: "后端工程师", City: "上海", Years: 5, Skills: []string{"Go"}}

// T3: a resume that a candidate sends to a recruiter discloses the full name in that conversation, in the same transaction.
func TestAResumeSentToARecruiterDisclosesTheName(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{Attachments: uploads{"a1": "u-ann/resume"}})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id, other := n.NewConversation(), n.NewConversation()
	if m := rob.View(id).Members[1]; m.Name != "欧阳**" || !m.Masked {
		t.Fatalf("before: %+v", m)
	}
	told := n.Hub.ChangedOf(id)
	a := ann.Send(id, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "a1", Name: "forged", Size: 1})
	var c wire.ResumeContent
	if err := json.Unmarshal(rob.Sees(id, a.Seq).Content, &c); err != nil {
		t.Fatal(err)
	}
	if c.Attachment != "a1" || c.Name != "欧阳晓雯.pdf" || c.Media != "application/pdf" || c.Size != 7 || c.Card.Title != card.Title || !a.Changed {
		t.Errorf("rob sees %+v, changed %v", c, a.Changed)
	}
	if m := rob.View(id).Members[1]; m.Name != "欧阳晓雯" || m.Masked || !m.Disclosed {
		t.Errorf("after: %+v", m)
	}
	if m := rob.View(other).Members[1]; m.Name != "欧阳**" {
		t.Errorf("in another conversation: %+v", m)
	}
	if n.Hub.ChangedOf(id) == told {
		t.Error("the hub was not told that the conversation changed")
	}
	ann.Send(other, chat.TypeResume, wire.ResumeContent{Card: card})
	if m := rob.View(other).Members[1]; m.Name != "欧阳晓雯" {
		t.Errorf("after a card alone: %+v", m)
	}
}

// T6: where a headhunter is a member, a resume is a card: the file is left out whatever the candidate sends, and by whichever
// way, and the name stays masked.
func TestAHeadhunterGetsACardAndNoName(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{Attachments: uploads{"a1": "u-ann/resume"}})
	ann, hana := n.As(chattest.Ann), n.As(chattest.Hana)
	for name, id := range map[string]chat.ConversationID{
		"alone":                n.Conversation(chattest.Headhunter(), chattest.Founders()[1]),
		"beside her recruiter": n.Conversation(append(chattest.Founders(), chattest.Headhunter())...),
	} {
		sent := ann.Send(id, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "a1", Name: "欧阳晓雯.pdf"})
		put := chat.Posting{Draft: chattest.Drafted(t, id, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "a1"}), Sender: chattest.Ann.User}
		posted, err := n.Put(t.Context(), put)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []chat.Ack{sent, posted} {
			e := hana.Sees(id, a.Seq)
			if s := string(e.Content); strings.Contains(s, "a1") || strings.Contains(s, "晓雯") || !strings.Contains(s, card.Title) || !e.Masked || !a.Changed {
				t.Errorf("%s: hana sees %s, masked %v; the sender is told of a change: %v", name, s, e.Masked, a.Changed)
			}
		}
		for _, m := range hana.View(id).Members {
			if m.User == string(chattest.Ann.User) && (m.Name != "欧阳**" || m.Disclosed) {
				t.Errorf("%s: hana sees %+v", name, m)
			}
		}
	}
}

// R3: a domain withdraws a resume long after it was sent, again and again with one outcome; what it says of a file stands.
func TestADomainRecallsAtAnyTime(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	resume := chat.Posting{Sender: chattest.Ann.User, Draft: chattest.Drafted(t, id, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "a1", Name: "cv.pdf"})}
	resume.CID = "exchange/1/accepted"
	sent, err := n.Put(t.Context(), resume)
	if err != nil || sent.Changed {
		t.Fatalf("%+v, %v", sent, err)
	}
	if e := n.As(chattest.Rob).Sees(id, sent.Seq); !strings.Contains(string(e.Content), "cv.pdf") {
		t.Errorf("rob sees %s", e.Content)
	}
	clock.Advance(1000 * time.Hour)
	recall := chat.Posting{Sender: chattest.Ann.User, Draft: chattest.Drafted(t, id, chat.TypeRecall, wire.RecallContent{Target: sent.Seq})}
	recall.CID = "exchange/1/withdrawn"
	for i := range 3 {
		if a, err := n.Put(t.Context(), recall); err != nil || a.Seq != sent.Seq+1 || a.Dup != (i > 0) {
			t.Errorf("try %d: %+v, %v; want seq %d", i, a, err, sent.Seq+1)
		}
	}
	if e := n.As(chattest.Rob).Sees(id, sent.Seq); string(e.Content) != `{"recalled":true}` {
		t.Errorf("rob sees %s", e.Content)
	}
	recall.Sender = chattest.Rob.User
	if _, err := n.Put(t.Context(), recall); err == nil {
		t.Error("another's entry was recalled")
	}
}

func TestWhoSendsWhat(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{Attachments: uploads{"p": "u-ann/picture", "r": "u-rob/resume"}})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	picture := wire.MediaContent{Attachment: "p", Text: "look"}
	for name, c := range map[string]struct {
		by      chattest.Person
		kind    string
		content any
		want    error
	}{
		"a recruiter's resume":        {rob, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "r"}, policy.ErrForbidden},
		"a candidate's job":           {ann, chat.TypeJob, wire.JobContent{Job: "j", Title: "t"}, policy.ErrForbidden},
		"a recruiter's job":           {rob, chat.TypeJob, wire.JobContent{Job: "j", Title: "t", Tags: []string{"Go"}}, nil},
		"a picture":                   {ann, chat.TypePicture, picture, nil},
		"another's upload":            {rob, chat.TypePicture, picture, policy.ErrNotFound},
		"a picture as a file":         {ann, chat.TypeFile, picture, policy.ErrNotFound},
		"a picture without an upload": {ann, chat.TypePicture, wire.MediaContent{Text: "look"}, policy.ErrBadRequest},
		"a reply":                     {ann, chat.TypeText, wire.TextContent{Text: "yes", Reply: 1}, nil},
		"a reply to nothing":          {ann, chat.TypeText, wire.TextContent{Text: "yes", Reply: 1 << 40}, policy.ErrBadRequest},
		"a reply with a picture":      {ann, chat.TypePicture, wire.MediaContent{Attachment: "p", Reply: 999}, policy.ErrBadRequest},
		"an exchange":                 {ann, chat.TypeExchange, wire.ExchangeContent{Exchange: "x", What: "phone", Step: "accepted"}, policy.ErrBadRequest},
		"an appointment":              {rob, chat.TypeAppointment, wire.AppointmentContent{Appointment: "x", Step: "accepted"}, policy.ErrBadRequest},
		"a call":                      {rob, chat.TypeCall, wire.CallContent{Call: "x", State: "answered"}, policy.ErrBadRequest},
		"a system entry":              {rob, chat.TypeSystem, wire.SystemContent{Code: "opened"}, policy.ErrBadRequest},
	} {
		if _, err := c.by.Try(id, c.kind, c.content); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	a := ann.Send(id, chat.TypePicture, wire.MediaContent{Attachment: "p", Text: "look", Reply: 1, Name: "forged", Size: 99})
	want := `{"attachment":"p","text":"look","reply":1,"name":"欧阳晓雯.pdf","media":"application/pdf","size":7,"width":3,"height":2,"duration_ms":9,"thumb":true}`
	if e := rob.Sees(id, a.Seq); string(e.Content) != want || e.Masked || !a.Changed {
		t.Errorf("stored %s, masked %v, changed %v; want %s", e.Content, e.Masked, a.Changed, want)
	}
	if a := ann.Say(id, "plain"); a.Changed {
		t.Error("a text that was stored as it came is called changed")
	}
}

func TestWithoutAttachmentsTheirEntriesAreRefused(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	for _, kind := range []string{chat.TypePicture, chat.TypeVoice, chat.TypeVideo, chat.TypeFile} {
		if _, err := n.As(chattest.Ann).Try(id, kind, wire.MediaContent{Attachment: "a"}); !errors.Is(err, policy.ErrUnavailable) {
			t.Errorf("%s: %v, want unavailable", kind, err)
		}
	}
	if _, err := n.As(chattest.Ann).Try(id, chat.TypeResume, wire.ResumeContent{Card: card, Attachment: "a"}); !errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("a resume: %v, want unavailable", err)
	}
}

// R2: a value goes with the words of whom it belongs to, and opens in its own place only.
func TestAValueOpensInItsPlaceOnly(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	id, other := n.NewConversation(), n.NewConversation()
	sealed, err := n.SealValue(t.Context(), id, "u-ann", "exchange/1", []byte("ann_wx88"))
	if err != nil || strings.Contains(string(sealed), "ann_wx88") {
		t.Fatalf("%q, %v", sealed, err)
	}
	if plain, err := n.OpenValue(t.Context(), id, "u-ann", "exchange/1", sealed); err != nil || string(plain) != "ann_wx88" {
		t.Errorf("opened as %q, %v", plain, err)
	}
	n.As(chattest.Ann).Say(other, "a key of hers")
	n.As(chattest.Rob).Say(id, "a key of his")
	for name, open := range map[string]func() ([]byte, error){
		"another label":        func() ([]byte, error) { return n.OpenValue(t.Context(), id, "u-ann", "exchange/2", sealed) },
		"another user":         func() ([]byte, error) { return n.OpenValue(t.Context(), id, "u-rob", "exchange/1", sealed) },
		"another conversation": func() ([]byte, error) { return n.OpenValue(t.Context(), other, "u-ann", "exchange/1", sealed) },
	} {
		if plain, err := open(); err == nil {
			t.Errorf("%s: opened as %q", name, plain)
		}
	}
	if err := n.Vault.Destroy(t.Context(), chat.BodyKey(id, "u-ann")); err != nil {
		t.Fatal(err)
	}
	if plain, err := n.OpenValue(t.Context(), id, "u-ann", "exchange/1", sealed); !errors.Is(err, policy.ErrGone) {
		t.Errorf("after erasure: %q, %v; want gone", plain, err)
	}
	if _, err := n.SealValue(t.Context(), id, "u-ann", "exchange/1", []byte("again")); !errors.Is(err, policy.ErrGone) {
		t.Errorf("sealing after erasure: %v, want gone", err)
	}
}
