package testenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/testenv"
	"parley/signal/client"
	"parley/signal/wire"
)

// refuses sends a request that must be refused as id.
func (s side) refuses(t *testing.T, id string, b wire.Body) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if answer, err := s.session.Do(ctx, b); !errors.Is(err, client.Refusal(id)) {
		t.Errorf("%s as %s: %v, %v; want %s", b.Kind(), s.Role, answer, err, id)
	}
}

func newCID() string { return uuid.Must(uuid.NewV7()).String() }

func sends(conversation, kind string, content any) wire.ChatSend {
	b, _ := json.Marshal(content)
	return wire.ChatSend{Conversation: conversation, CID: newCID(), Type: kind, Content: b}
}

func (s side) says(t *testing.T, conversation, text string) wire.ChatAck {
	t.Helper()
	return s.ask(t, sends(conversation, "text", wire.TextContent{Text: text})).(wire.ChatAck)
}

// sees waits until the entry at seq was pushed, and returns its content.
func (s side) sees(t *testing.T, conversation string, seq uint64) wire.Entry {
	t.Helper()
	var got wire.ChatEntry
	eventually(t, "an entry to reach the "+string(s.Role), func() (ok bool) {
		got, ok = last(s.pushed, func(b wire.ChatEntry) bool { return b.Conversation == conversation && b.Seq == seq })
		return ok
	})
	return got.Entry
}

// reads is the log as the server shows it.
func (s side) reads(t *testing.T, conversation string) []wire.Entry {
	t.Helper()
	return s.ask(t, wire.ChatRead{Conversation: conversation, Limit: 200}).(wire.ChatPage).Entries
}

// upload puts a file into the conversation and returns the attachment's id.
func (s side) upload(t *testing.T, conversation, kind, name string, body []byte) string {
	t.Helper()
	id, status := s.tryUpload(t, conversation, kind, name, body)
	if status != http.StatusCreated || id == "" {
		t.Fatalf("upload as %s: %d", s.Role, status)
	}
	return id
}

func (s side) tryUpload(t *testing.T, conversation, kind, name string, body []byte) (id string, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.env.URL()+"/v1/conversations/"+conversation+"/attachments?kind="+kind, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token())
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Parley-Name", name)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var put struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&put); err != nil {
		t.Fatal(err)
	}
	return put.ID, res.StatusCode
}

func photo(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for x := range 640 {
		for y := range 480 {
			m.Set(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRecruiting has a recruiter, a headhunter and a candidate use what chat has for them, each through the door that they would
// use, and looks for what must stay hidden in everything that was sent, logged and refused.
func TestRecruiting(t *testing.T) {
	env := testenv.New(t)
	job := env.Open("k-1", "高级前端工程师", "recruiter", "candidate")
	hunt := env.Open("k-2", "前端技术负责人", "headhunter", "candidate")
	r, c, h := sitDown(t, env, "recruiter"), sitDown(t, env, "candidate"), sitDown(t, env, "headhunter")

	theyReviseWhatTheySaid(t, job, r, c)
	aNumberIsAskedAboutOrMasked(t, job, hunt, c, r, h)
	theyExchangeWeChat(t, job, hunt, r, c, h)
	aResumeIsMoreToARecruiter(t, job, hunt, r, c, h)
	picturesArriveWithoutTheirPlace(t, job, r, c)
	theyArrangeToMeet(t, job, r, c)
	theySearchAndKeepReceipts(t, env, job, r, c)
	aCandidateHides(t, env, job, hunt, r, c, h)
	logs := env.Logs()
	if !strings.Contains(logs, "/v1/conversations/{id}/attachments") {
		t.Error("the log does not hold what it should: the search proves nothing")
	}
	for _, secret := range []string{"13800138000", "wang_manager88", "xiaoming_li9", "secret plan", r.FullName(), c.FullName(), string(r.ID), string(c.ID)} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func theyReviseWhatTheySaid(t *testing.T, job string, r, c side) {
	t.Helper()
	first := c.says(t, job, "my secret plan")
	if e := r.sees(t, job, first.Seq); !strings.Contains(string(e.Content), "secret plan") {
		t.Errorf("the recruiter sees %s", e.Content)
	}
	c.ask(t, sends(job, "edit", wire.EditContent{Target: first.Seq, Text: "my plan"}))
	second := c.says(t, job, "oops")
	c.ask(t, sends(job, "recall", wire.RecallContent{Target: second.Seq}))
	r.ask(t, sends(job, "reaction", wire.ReactionContent{Target: first.Seq, Emoji: "👍"}))
	r.refuses(t, "bad_request", sends(job, "recall", wire.RecallContent{Target: first.Seq}))
	for _, e := range r.reads(t, job) { // E1: hidden, by whatever way it is asked for
		if text := string(e.Content); e.Seq == first.Seq && text != `{"text":"my plan"}` || e.Seq == second.Seq && text != `{"recalled":true}` {
			t.Errorf("seq %d reads %s", e.Seq, text)
		}
	}
}

func aNumberIsAskedAboutOrMasked(t *testing.T, job, hunt string, c, r, h side) {
	t.Helper()
	say := sends(job, "text", wire.TextContent{Text: "我的手机 138 0013 8000"})
	c.refuses(t, "confirm_needed", say)
	say.Confirmed = true
	if ack := c.ask(t, say).(wire.ChatAck); !strings.Contains(string(r.sees(t, job, ack.Seq).Content), "138 0013 8000") {
		t.Error("a candidate's own confirmed words did not reach the recruiter")
	}
	say = sends(hunt, "text", wire.TextContent{Text: "我的手机 13800138000"})
	say.Confirmed = true
	ack := c.ask(t, say).(wire.ChatAck)
	for _, e := range []wire.Entry{h.sees(t, hunt, ack.Seq), h.reads(t, hunt)[ack.Seq-1], c.reads(t, hunt)[ack.Seq-1]} {
		if !ack.Changed || !e.Masked || strings.Contains(string(e.Content), "13800138000") {
			t.Errorf("to a headhunter: %+v, %s (T6)", ack, e.Content)
		}
	}
}

func theyExchangeWeChat(t *testing.T, job, hunt string, r, c, h side) {
	t.Helper()
	h.refuses(t, "forbidden", wire.ExchangeRequest{Conversation: hunt, CID: newCID(), What: "wechat", Value: "chen_siyuan1"}) // T6
	x := r.ask(t, wire.ExchangeRequest{Conversation: job, CID: newCID(), What: "wechat", Value: "wang_manager88"}).(wire.ExchangeState)
	c.refuses(t, "not_found", wire.ExchangeRead{Conversation: job, Exchange: x.Exchange}) // not before both agreed
	c.ask(t, wire.ExchangeAnswer{Conversation: job, Exchange: x.Exchange, Accept: true, Value: "xiaoming_li9"})
	for s, want := range map[side]string{r: "xiaoming_li9", c: "wang_manager88"} {
		if v := s.ask(t, wire.ExchangeRead{Conversation: job, Exchange: x.Exchange}).(wire.ExchangeValue); v.Value != want {
			t.Errorf("the %s reads %q", s.Role, v.Value)
		}
	}
	h.refuses(t, "not_found", wire.ExchangeRead{Conversation: job, Exchange: x.Exchange})
	c.ask(t, wire.ExchangeWithdraw{Conversation: job, Exchange: x.Exchange})
	r.refuses(t, "not_found", wire.ExchangeRead{Conversation: job, Exchange: x.Exchange}) // R3
	p := r.ask(t, wire.ExchangeRequest{Conversation: job, CID: newCID(), What: "phone"}).(wire.ExchangeState)
	if p.State != "unavailable" {
		t.Errorf("without virtual numbers a phone is %q", p.State)
	}
}

func aResumeIsMoreToARecruiter(t *testing.T, job, hunt string, r, c, h side) {
	t.Helper()
	card := wire.ResumeCard{Title: "前端工程师", City: "杭州", Years: 6, Skills: []string{"TypeScript"}}
	pdf := []byte("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
	if _, status := c.tryUpload(t, hunt, "resume", "resume.pdf", pdf); status != http.StatusForbidden {
		t.Errorf("a resume's file went to a headhunter: %d (T6)", status)
	}
	mine := c.upload(t, job, "resume", "resume.pdf", pdf)
	ack := c.ask(t, sends(hunt, "resume", wire.ResumeContent{Card: card, Attachment: mine})).(wire.ChatAck)
	if e := h.sees(t, hunt, ack.Seq); !ack.Changed || strings.Contains(string(e.Content), mine) || strings.Contains(string(e.Content), "resume.pdf") {
		t.Errorf("a headhunter got %s (T6)", e.Content)
	}
	h.refuses(t, "forbidden", wire.AttachOpen{Conversation: hunt, Seq: ack.Seq, Download: true})
	if m := h.session.Welcome().Conversations[0].Members; len(m) != 2 {
		t.Errorf("members %v", m)
	}
	ack = c.ask(t, sends(job, "resume", wire.ResumeContent{Card: card, Attachment: mine})).(wire.ChatAck)
	eventually(t, "the recruiter to see the name (T3)", func() bool {
		view, ok := last(r.pushed, func(b wire.ChatConversation) bool { return b.ID == job })
		return ok && view.Members[1].Name == "李晓明" && !view.Members[1].Masked
	})
	url := r.ask(t, wire.AttachOpen{Conversation: job, Seq: ack.Seq, Download: true}).(wire.AttachURL)
	if got := r.fetch(t, url.URL); !bytes.Equal(got, pdf) {
		t.Errorf("the file reads %q", got)
	}
	eventually(t, "the candidate to be told who downloaded it (T9)", func() bool {
		_, ok := last(c.pushed, func(b wire.ChatEntry) bool {
			return b.Type == "system" && strings.Contains(string(b.Content), "resume_downloaded") && strings.Contains(string(b.Content), "示例科技")
		})
		return ok
	})
}

func (s side) fetch(t *testing.T, path string) []byte {
	t.Helper()
	res, err := http.Get(s.env.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, b, err)
	}
	return b
}

func picturesArriveWithoutTheirPlace(t *testing.T, job string, r, c side) {
	t.Helper()
	id := c.upload(t, job, "picture", "desk.jpg", photo(t))
	ack := c.ask(t, sends(job, "picture", wire.MediaContent{Attachment: id, Text: "my desk"})).(wire.ChatAck)
	var content wire.MediaContent
	if err := json.Unmarshal(r.sees(t, job, ack.Seq).Content, &content); err != nil || content.Width != 640 || content.Media != "image/jpeg" || !content.Thumb {
		t.Errorf("the recruiter sees %+v, %v", content, err)
	}
	thumb := r.fetch(t, r.ask(t, wire.AttachOpen{Conversation: job, Seq: ack.Seq, Thumb: true}).(wire.AttachURL).URL)
	if m, _, err := image.DecodeConfig(bytes.NewReader(thumb)); err != nil || m.Width >= 640 {
		t.Errorf("the thumbnail is %+v, %v", m, err)
	}
	r.refuses(t, "not_found", sends(job, "picture", wire.MediaContent{Attachment: id})) // somebody else's
}

func theyArrangeToMeet(t *testing.T, job string, r, c side) {
	t.Helper()
	at := time.Now().Add(48 * time.Hour).Truncate(time.Minute).UTC()
	a := r.ask(t, wire.AppointmentInvite{Conversation: job, CID: newCID(), At: at, Minutes: 45, Note: "线上面试"}).(wire.AppointmentState)
	later := at.Add(24 * time.Hour)
	moved := c.ask(t, wire.AppointmentAct{Conversation: job, Appointment: a.Appointment, Act: "reschedule", At: later}).(wire.AppointmentState)
	if moved.State != "rescheduled" || moved.Turn != "recruiter" {
		t.Errorf("moved: %+v", moved)
	}
	c.refuses(t, "forbidden", wire.AppointmentAct{Conversation: job, Appointment: a.Appointment, Act: "accept", At: later})
	if done := r.ask(t, wire.AppointmentAct{Conversation: job, Appointment: a.Appointment, Act: "accept", At: later}).(wire.AppointmentState); done.State != "accepted" {
		t.Errorf("accepted: %+v", done)
	}
}

func theySearchAndKeepReceipts(t *testing.T, env *testenv.Env, job string, r, c side) {
	t.Helper()
	if found := r.ask(t, wire.ChatSearch{Query: "secret"}).(wire.ChatFound); len(found.Entries) != 0 {
		t.Errorf("what was edited is found: %v", found.Entries)
	}
	if found := r.ask(t, wire.ChatSearch{Query: "MY PLAN"}).(wire.ChatFound); len(found.Entries) == 0 {
		t.Error("what was said is not found")
	}
	eventually(t, "a receipt", func() bool {
		answer, err := c.session.Do(t.Context(), wire.ChatReceiptGet{Conversation: job})
		receipt, ok := answer.(wire.ChatReceipt)
		return err == nil && ok && receipt.Entries > 0 && len(receipt.Signature) > 0
	})
	res := env.As("service").Do(http.MethodGet, "/v1/conversations/"+job+"/transcript", nil)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || bytes.Contains(b, []byte("my plan")) {
		t.Errorf("transcript: %d, %d bytes, %v", res.StatusCode, len(b), err)
	}
}

func aCandidateHides(t *testing.T, env *testenv.Env, job, hunt string, r, c, h side) {
	t.Helper()
	c.ask(t, wire.SettingsSet{Hide: &wire.Hide{Headhunters: true}})
	h.refuses(t, "closed", sends(hunt, "text", wire.TextContent{Text: "hello?"})) // T4
	if ack := r.says(t, job, "still here"); ack.Seq == 0 {
		t.Error("the recruiter may not write")
	}
	open := func(key, starter string, seats ...string) int {
		body := map[string]any{"key": key, "starter": starter, "members": []map[string]any{}}
		for _, seat := range seats {
			a := env.As(seat)
			body["members"] = append(body["members"].([]map[string]any), map[string]any{"user": a.ID, "role": a.Role,
				"family_name": a.Family, "given_name": a.Given, "company": a.Company, "company_id": a.CompanyID})
		}
		res := env.As("service").Do(http.MethodPost, "/v1/conversations", body)
		defer res.Body.Close()
		return res.StatusCode
	}
	if status := open("k-3", "u-headhunter", "headhunter", "candidate"); status != http.StatusNotFound {
		t.Errorf("a hidden candidate is contacted anew: %d", status)
	}
	if status := open("k-4", "u-candidate", "headhunter", "candidate"); status != http.StatusForbidden {
		t.Errorf("a candidate starts with a headhunter: %d (T1)", status)
	}
	r.ask(t, wire.InsightGet{Conversation: job})
	off := false
	c.ask(t, wire.SettingsSet{Insight: &off})
	r.refuses(t, "not_found", wire.InsightGet{Conversation: job}) // T11
	c.ask(t, wire.Block{Conversation: job, User: string(r.ID), Company: true})
	r.refuses(t, "closed", sends(job, "text", wire.TextContent{Text: "hello?"}))
	report := wire.Report{Conversation: job, CID: newCID(), Seqs: []uint64{2}, Reason: "other"}
	r.ask(t, report)
}
