package attach_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/attach"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/signal/wire"
)

func TestAPictureIsSentWithoutItsPlaceAndSeenByTheOther(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	in := photo(t, 900, 600)
	seq := ann.sends(id, attach.Picture, `C:\holiday\me.JPG`, in)

	var c wire.MediaContent
	if err := json.Unmarshal(w.chat.As(rob.Principal).Sees(id, seq).Content, &c); err != nil {
		t.Fatal(err)
	}
	if c.Name != "me.JPG" || c.Media != "image/jpeg" || c.Width != 600 || c.Height != 900 || !c.Thumb || c.Size >= int64(len(in)) {
		t.Errorf("the entry says %+v", c)
	}
	got := rob.reads(id, seq)
	for _, word := range []string{secret, "<script>", "<html>"} {
		if bytes.Contains(got, []byte(word)) {
			t.Errorf("what the other gets holds %q", word)
		}
	}
	if m, err := jpeg.Decode(bytes.NewReader(got)); err != nil || m.Bounds().Dx() != 900 || int64(len(got)) != c.Size {
		t.Errorf("what the other gets is no such picture: %v", err)
	}
	url, err := w.Open(t.Context(), rob.Principal, wire.AttachOpen{Conversation: string(id), Seq: seq, Thumb: true})
	if err != nil {
		t.Fatal(err)
	}
	thumb, err := w.follow(url)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := jpeg.Decode(bytes.NewReader(thumb)); err != nil || m.Bounds().Dx() != 320 || m.Bounds().Dy() != 480 {
		t.Errorf("the thumbnail is not upright and small: %v", err)
	}
}

// The store sees ciphertext under names that tell nothing; the log of the server tells neither (A4).
func TestTheStoreSeesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	seq := w.as(chattest.Ann).sends(id, attach.Resume, "欧阳晓雯.pdf", document(100_000))
	w.as(chattest.Rob).reads(id, seq)
	for _, key := range w.objects() {
		r, err := w.bucket.Get(t.Context(), key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		_, err = b.ReadFrom(r)
		r.Close()
		if err != nil || bytes.Contains(b.Bytes(), []byte("line")) || bytes.Contains(b.Bytes(), []byte("PDF")) || !strings.HasPrefix(string(key), "attachment/") {
			t.Errorf("%s is readable, %v", key, err)
		}
	}
	if log := w.log.String(); strings.Contains(log, "欧阳") || strings.Contains(log, "u-ann") {
		t.Errorf("the log tells: %s", log)
	}
}

// T6: no document of a candidate's reaches a headhunter, whatever the candidate sends and the headhunter asks.
func TestAHeadhunterNeverGetsACandidatesDocument(t *testing.T) {
	w := newWorld(t)
	members := chattest.Founders()
	mixed := w.chat.Conversation(members[0], members[1], chattest.Headhunter())
	alone := w.chat.Conversation(members[1], chattest.Headhunter())
	ann, rob, hana := w.as(chattest.Ann), w.as(chattest.Rob), w.as(chattest.Hana)

	for _, kind := range []attach.Kind{attach.Resume, attach.File} {
		if _, err := w.Put(t.Context(), ann.Principal, ann.draft(alone, kind, "cv.pdf"), bytes.NewReader(document(100))); !errors.Is(err, policy.ErrForbidden) {
			t.Errorf("a %s to a headhunter alone: %v", kind, err)
		}
		if _, err := w.Begin(t.Context(), ann.Principal, ann.draft(alone, kind, "cv.pdf"), 9<<20); !errors.Is(err, policy.ErrForbidden) {
			t.Errorf("a large %s to a headhunter alone: %v", kind, err)
		}
	}
	file := ann.sends(mixed, attach.File, "cv.pdf", document(100))
	resume := ann.sends(mixed, attach.Resume, "cv.pdf", document(100))
	picture := ann.sends(mixed, attach.Picture, "me.jpg", photo(t, 40, 30))
	own := hana.sends(mixed, attach.File, "job.pdf", document(100))
	before := len(w.chat.Log(chattest.Ann, mixed))
	for _, seq := range []chat.Seq{file, resume} {
		for _, download := range []bool{false, true} {
			if url, err := hana.open(mixed, seq, download); !errors.Is(err, policy.ErrForbidden) || url != (wire.AttachURL{}) {
				t.Errorf("seq %d, download %v: %v, %v", seq, download, url, err)
			}
		}
	}
	if n := len(w.chat.Log(chattest.Ann, mixed)); n != before {
		t.Errorf("%d entries tell of what was refused", n-before)
	}
	if e := w.chat.As(hana.Principal).Sees(mixed, resume); strings.Contains(string(e.Content), "attachment") {
		t.Errorf("the headhunter sees %s", e.Content)
	}
	rob.reads(mixed, file)
	hana.reads(mixed, picture)
	hana.reads(mixed, own)
	ann.reads(mixed, own)
}

// T9: the candidate is told who viewed and who downloaded the resume, once a day and viewer, before the file is there.
func TestACandidateIsToldWhoOpensTheResume(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	seq := ann.sends(id, attach.Resume, "cv.pdf", document(5000))
	told := func() (codes []string) {
		for _, e := range ann.w.chat.Log(chattest.Ann, id) {
			var c wire.SystemContent
			if e.Type == chat.TypeSystem && json.Unmarshal(e.Content, &c) == nil && strings.HasPrefix(c.Code, "resume_") {
				if c.User != string(rob.User) || c.Company != "某某科技" || e.Sender != "" {
					t.Errorf("the candidate is told %+v", c)
				}
				codes = append(codes, c.Code)
			}
		}
		return codes
	}
	ann.reads(id, seq)
	if codes := told(); len(codes) != 0 {
		t.Errorf("one's own look is told: %v", codes)
	}
	for range 2 {
		rob.reads(id, seq)
		if _, err := rob.open(id, seq, true); err != nil {
			t.Fatal(err)
		}
	}
	if codes := told(); !slices.Equal(codes, []string{"resume_viewed", "resume_downloaded"}) {
		t.Errorf("on the first day: %v", codes)
	}
	w.clock.Advance(24 * time.Hour)
	w.as(chattest.Rob).reads(id, seq)
	if codes := told(); !slices.Equal(codes, []string{"resume_viewed", "resume_downloaded", "resume_viewed"}) {
		t.Errorf("on the second day: %v", codes)
	}
}

// Without the entry that tells of it there is no address (T9).
func TestWhatCantBeToldIsNotOpened(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	seq := w.as(chattest.Ann).sends(id, attach.Resume, "cv.pdf", document(5000))
	w.chat.Store.Next(chattest.Fails)
	if url, err := w.as(chattest.Rob).open(id, seq, false); err == nil || url.URL != "" {
		t.Errorf("%v, %v", url, err)
	}
}

func TestStrangersGetNothing(t *testing.T) {
	w := newWorld(t)
	id, other := w.chat.NewConversation(), w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	seq := ann.sends(id, attach.Picture, "me.jpg", photo(t, 40, 30))
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Video, "v.mp4"), 9<<20)
	if err != nil {
		t.Fatal(err)
	}
	stranger := identity.Principal{User: "u-stranger", Role: identity.Candidate}
	for name, c := range map[string]struct {
		who  identity.Principal
		want error
	}{
		"a stranger":                {stranger, policy.ErrNotFound},
		"nobody":                    {identity.Principal{}, policy.ErrUnauthenticated},
		"a viewer":                  {identity.Principal{User: ann.User, Role: identity.Viewer}, policy.ErrForbidden},
		"a member in another role":  {identity.Principal{User: ann.User, Role: identity.Recruiter}, policy.ErrNotFound},
		"the platform":              {chattest.Platform, policy.ErrForbidden},
		"support without a dispute": {identity.Principal{User: "s", Role: identity.Support}, policy.ErrForbidden},
	} {
		p := person{c.who, w}
		_, opens := p.open(id, seq, false)
		_, puts := w.Put(t.Context(), c.who, p.draft(id, attach.Picture, "x.jpg"), bytes.NewReader(photo(t, 40, 30)))
		_, begins := w.Begin(t.Context(), c.who, p.draft(id, attach.Picture, "x.jpg"), 100)
		_, asks := w.Upload(t.Context(), c.who, id, u.ID)
		_, appends := w.Append(t.Context(), c.who, id, u.ID, 0, strings.NewReader("x"))
		for what, err := range map[string]error{"open": opens, "put": puts, "begin": begins, "ask": asks, "append": appends} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %s: %v, want %v", name, what, err, c.want)
			}
		}
	}
	// The other member is no stranger, and yet the upload is not theirs; and it is of one conversation only.
	if _, err := w.Upload(t.Context(), rob.Principal, id, u.ID); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("another's upload: %v", err)
	}
	if _, err := w.Append(t.Context(), ann.Principal, other, u.ID, 0, strings.NewReader("x")); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("an upload of another conversation: %v", err)
	}
}

func TestOnlyTheUploaderSendsAnAttachmentAndOnlyAsWhatItIs(t *testing.T) {
	w := newWorld(t)
	id, other := w.chat.NewConversation(), w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	a := string(ann.puts(id, attach.Picture, "me.jpg", photo(t, 40, 30)).ID)
	u, err := w.Begin(t.Context(), ann.Principal, ann.draft(id, attach.Picture, "v.jpg"), 9<<20)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		who        person
		id         chat.ConversationID
		attachment string
		kind       string
		want       error
	}{
		"another's":                {rob, id, a, chat.TypePicture, policy.ErrNotFound},
		"in another conversation":  {ann, other, a, chat.TypePicture, policy.ErrNotFound},
		"as something else":        {ann, id, a, chat.TypeFile, policy.ErrBadRequest},
		"one that is not whole":    {ann, id, string(u.ID), chat.TypePicture, policy.ErrNotFound},
		"one that was never there": {ann, id, "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01", chat.TypePicture, policy.ErrNotFound},
	} {
		if _, err := w.chat.As(c.who.Principal).Try(c.id, c.kind, wire.MediaContent{Attachment: c.attachment}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := w.Put(t.Context(), rob.Principal, rob.draft(id, attach.Resume, "cv.pdf"), bytes.NewReader(document(10))); !errors.Is(err, policy.ErrForbidden) {
		t.Errorf("a recruiter's resume: %v", err)
	}
}

// E1, R3: what was recalled, or a resume that was withdrawn, is not opened any more.
func TestWhatWasRecalledIsNotOpened(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann := w.as(chattest.Ann)
	seq := ann.sends(id, attach.Resume, "cv.pdf", document(100))
	w.as(chattest.Rob).reads(id, seq)
	w.chat.As(ann.Principal).Send(id, chat.TypeRecall, wire.RecallContent{Target: seq})
	for _, p := range []person{ann, w.as(chattest.Rob)} {
		if _, err := p.open(id, seq, false); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s: %v", p.Role, err)
		}
	}
	for _, seq := range []chat.Seq{0, 1, 999} {
		if _, err := ann.open(id, seq, false); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("seq %d: %v", seq, err)
		}
	}
}

func TestAnAddressHoldsForAMinuteAndOneThing(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	rob := w.as(chattest.Rob)
	seq := w.as(chattest.Ann).sends(id, attach.Picture, "me.jpg", photo(t, 40, 30))
	url, err := rob.open(id, seq, false)
	if err != nil || !url.Until.Equal(w.clock.Now().Add(time.Minute)) {
		t.Fatalf("%v, %v", url, err)
	}
	for range 5 { // using it does not lengthen its life
		if _, err := w.follow(url); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(12 * time.Second)
	}
	if _, err := w.follow(url); !errors.Is(err, grant.ErrEnded) {
		t.Errorf("after a minute: %v", err)
	}
	for _, seat := range []grant.Seat{{}, {Recording: "r", Side: "u"}, {Attachment: "unknown"}} {
		if _, err := w.Content(t.Context(), seat); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("a seat of something else: %v", err)
		}
	}
	short := rob
	short.Expires = w.clock.Now().Add(10 * time.Second)
	if url, err := short.open(id, seq, false); err != nil || !url.Until.Equal(short.Expires) {
		t.Errorf("it outlives its session: %v, %v", url, err)
	}
}

// R2: erasing the words of one side takes the files with it.
func TestErasureTakesTheFiles(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	hers, his := ann.puts(id, attach.File, "a.pdf", document(100)), rob.puts(id, attach.File, "b.pdf", document(100))
	if err := w.chat.Vault.Destroy(t.Context(), chat.BodyKey(id, ann.User)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stored(t.Context(), hers.ID); !errors.Is(err, policy.ErrGone) {
		t.Errorf("hers: %v", err)
	}
	w.stored(his.ID)
	if _, err := w.Put(t.Context(), ann.Principal, ann.draft(id, attach.File, "c.pdf"), bytes.NewReader(document(10))); !errors.Is(err, policy.ErrGone) {
		t.Errorf("a new one of hers: %v", err)
	}
}

// E1, R3: once an entry shows its file no more, no address of it does, however long that was to hold.
func TestARecallEndsTheAddressesThatWereGiven(t *testing.T) {
	w := newWorld(t)
	id := w.chat.NewConversation()
	ann, rob := w.as(chattest.Ann), w.as(chattest.Rob)
	for _, kind := range []attach.Kind{attach.Picture, attach.File, attach.Resume} {
		b, name := document(100), "cv.pdf"
		if kind == attach.Picture {
			b, name = photo(t, 40, 30), "me.jpg"
		}
		seq := ann.sends(id, kind, name, b)
		url, err := rob.open(id, seq, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.follow(url); err != nil {
			t.Errorf("a %s before the recall: %v", kind, err)
		}
		w.chat.As(ann.Principal).Send(id, chat.TypeRecall, wire.RecallContent{Target: seq})
		if _, err := w.follow(url); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("a %s after the recall: %v", kind, err)
		}
	}
	seq := ann.sends(id, attach.Picture, "me.jpg", photo(t, 40, 30))
	other := ann.puts(id, attach.Picture, "other.jpg", photo(t, 40, 30))
	for name, seat := range map[string]grant.Seat{
		"what no entry shows": {By: rob.Principal, Conversation: string(id), Entry: seq, Attachment: string(other.ID)},
		"no entry":            {By: rob.Principal, Conversation: string(id), Attachment: string(other.ID)},
		"no conversation":     {By: rob.Principal, Entry: seq, Attachment: string(other.ID)},
	} {
		if _, err := w.Content(t.Context(), seat); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// masking hides what looks like a number in the names of files.
type masking struct{}

func (masking) Admit(_ context.Context, a chat.Attempt) (json.RawMessage, error) {
	return bytes.ReplaceAll(a.Content, []byte("13812345678"), []byte("***")), nil
}

// T6: a file comes under the name that its entry shows, not under that of the device it is from.
func TestAFileHasTheNameThatItsEntryShows(t *testing.T) {
	w := newWorld(t)
	w.chat.Use(chat.Neighbours{Gates: []chat.Gate{masking{}}, Attachments: late{w}})
	id := w.chat.Conversation(chattest.Founders()[1], chattest.Headhunter())
	seq := w.as(chattest.Ann).sends(id, attach.Picture, "me 13812345678.jpg", photo(t, 40, 30))
	url, err := w.as(chattest.Hana).open(id, seq, true)
	if err != nil {
		t.Fatal(err)
	}
	seat, err := w.grants.Use(t.Context(), strings.TrimPrefix(url.URL, attach.OpenPath))
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Content(t.Context(), seat)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Name != "me.jpg" {
		t.Errorf("it is named %q", c.Name)
	}
}
