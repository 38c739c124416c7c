package moderation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/moderation"
	"parley/chat/moderation/moderationtest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

var (
	ann, rob, hana = chattest.Ann, chattest.Rob, chattest.Hana
)

func text(s string) wire.TextContent { return wire.TextContent{Text: s} }

func (w *world) says(p identity.Principal, id chat.ConversationID, s string) (string, error) {
	a, err := w.As(p).Try(id, chat.TypeText, text(s))
	if err != nil {
		return "", err
	}
	var c wire.TextContent
	err = json.Unmarshal(w.As(p).Sees(id, a.Seq).Content, &c)
	return c.Text, err
}

func TestAContactToAHeadhunterIsMaskedWhateverIsClicked(t *testing.T) { // T6
	w := newWorld(t, moderation.Config{})
	for said, want := range map[string]string{
		"我的电话 138-1234-5678，随时":      "我的电话 ***，随时",
		"一三八一二三四五六七八":                "***",
		"微信：ann_2020，邮箱 ann@qq.com":  "微信：***，邮箱 ***",
		"see https://ann.example/cv": "see ***",
		"单号 13812345678":             "单号 ***", // elsewhere it would pass as something else
		"薪资 15000-20000 元可以吗":        "薪资 15000-20000 元可以吗",
	} {
		for _, from := range []identity.Principal{ann, hana} {
			for _, confirmed := range []bool{false, true} {
				d := chattest.Drafted(t, w.hunted, chat.TypeText, text(said))
				d.Confirmed = confirmed
				a := w.MustSend(from, d)
				if a.Changed != (said != want) {
					t.Errorf("%s says %q: changed %v", from.Role, said, a.Changed)
				}
				for _, to := range []identity.Principal{ann, hana} {
					var c wire.TextContent
					raw := w.As(to).Sees(w.hunted, a.Seq).Content
					if err := json.Unmarshal(raw, &c); err != nil || c.Text != want {
						t.Errorf("%s says %q: %s sees %q, want %q (T6)", from.Role, said, to.Role, raw, want)
					}
				}
			}
		}
	}
}

func TestEverythingThatPeopleWriteToAHeadhunterIsMasked(t *testing.T) { // T6
	w := newWorld(t, moderation.Config{})
	const number = "138 1234 5678"
	a := w.As(ann).Say(w.hunted, "你好")
	for kind, content := range map[string]any{
		chat.TypeEdit: wire.EditContent{Target: a.Seq, Text: number},
		chat.TypeResume: wire.ResumeContent{Card: wire.ResumeCard{
			Title: number, City: number, Education: number, Salary: number, Summary: "call " + number, Skills: []string{"Go", number},
		}},
	} {
		seq := w.As(ann).Send(w.hunted, kind, content).Seq
		if raw := string(w.As(hana).Sees(w.hunted, seq).Content); strings.Contains(raw, "1234") || !strings.Contains(raw, "***") {
			t.Errorf("%s shows %s (T6)", kind, raw)
		}
	}
	for kind, content := range map[string]any{
		chat.TypeFile:        wire.MediaContent{Attachment: "a", Name: number + ".pdf", Text: number},
		chat.TypeJob:         wire.JobContent{Job: "j-1", Title: number, Tags: []string{number}},
		chat.TypeAppointment: wire.AppointmentContent{Appointment: "x", Step: "invited", Note: number},
	} {
		raw, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Service.Admit(t.Context(), chat.Attempt{
			By: ann, Others: []chat.Party{{User: hana.User, Role: hana.Role}}, Type: kind, Content: raw,
		})
		if err != nil || strings.Contains(string(got), "1234") || !strings.Contains(string(got), "***") {
			t.Errorf("%s becomes %s, %v (T6)", kind, got, err)
		}
	}
}

func TestAContactBetweenCandidateAndRecruiterNeedsAConfirmation(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	for _, from := range []identity.Principal{ann, rob} {
		d := chattest.Drafted(t, w.direct, chat.TypeText, text("电话 13812345678"))
		if _, err := w.Send(t.Context(), from, d); !errors.Is(err, policy.ErrConfirm) {
			t.Errorf("%s: %v, want confirm_needed", from.Role, err)
		}
		if strings.Contains(policy.ErrConfirm.Error(), "138") {
			t.Error("the refusal repeats what was written")
		}
		d.Confirmed = true
		if a := w.MustSend(from, d); a.Changed || a.Dup {
			t.Errorf("%s confirms: %+v", from.Role, a)
		}
	}
	if got, err := w.says(ann, w.direct, "岗位编号：13812345678"); err != nil || got != "岗位编号：13812345678" {
		t.Errorf("the number of a job: %q, %v", got, err)
	}
}

func TestListsActByRoleAndTellWhatTheySay(t *testing.T) {
	w := newWorld(t, moderation.Config{Rules: rules(t, `
contact: {kinds: {link: allow, phone: mask}, trusted_hosts: [jobs.example.com]}
lists:
- {name: abuse, action: refuse, words: [笨蛋, Stupid]}
- name: deposit
  to: {candidate: confirm}
  patterns: ['(培训|入职).{0,6}押金']
  text: {en: "Employers may not ask for deposits.", zh: "招聘方不得收取押金。"}
- {name: rivals, action: mask, words: [别家招聘]}
`)})
	for _, c := range []struct {
		from identity.Principal
		said string
		want string
		err  error
	}{
		{ann, "你这个笨*蛋", "", policy.ErrContent},
		{ann, "你 这 个 笨 蛋", "", policy.ErrContent},
		{ann, "you ＳＴＵＰＩＤ thing", "", policy.ErrContent},
		{ann, "astupidity", "astupidity", nil},
		{ann, "笨，蛋糕", "笨，蛋糕", nil},
		{rob, "要交培训费押金吗", "", policy.ErrConfirm},
		{ann, "要交培训押金吗", "要交培训押金吗", nil},
		{ann, "我在别家招聘看到的", "我在***看到的", nil},
		{ann, "https://other.example/x", "https://other.example/x", nil},
		{rob, "电话 13812345678", "电话 ***", nil},
		{ann, "邮箱 ann@qq.com", "", policy.ErrConfirm},
	} {
		got, err := w.says(c.from, w.direct, c.said)
		if !errors.Is(err, c.err) || c.err == nil && got != c.want {
			t.Errorf("%s says %q: %q, %v; want %q, %v", c.from.Role, c.said, got, err, c.want, c.err)
		}
	}
	_, err := w.says(rob, w.direct, "入职押金 500")
	var r *policy.Refusal
	if !errors.As(err, &r) || r.Zh != "招聘方不得收取押金。" || r.En != "Employers may not ask for deposits." {
		t.Errorf("told %v", err)
	}
	if got, err := w.says(ann, w.hunted, "https://jobs.example.com/1 https://other.example/x"); err != nil || got != "https://jobs.example.com/1 ***" {
		t.Errorf("a trusted host: %q, %v", got, err)
	}
}

func TestTheMutedWriteNothingAndTheBannedDoNothing(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	exchange := chat.Attempt{By: ann, Type: chat.TypeExchange, Content: json.RawMessage(`{"exchange":"x"}`), Others: []chat.Party{{Role: identity.Recruiter}}}
	meeting := chat.Attempt{By: ann, Type: chat.TypeAppointment, Content: json.RawMessage(`{"appointment":"x","step":"accepted"}`), Others: exchange.Others}
	noted := meeting
	noted.Content = json.RawMessage(`{"appointment":"x","step":"accepted","note":"hi"}`)
	said := w.As(ann).Say(w.direct, "你好")
	for _, c := range []struct {
		kind                       moderation.SilenceKind
		exchange, appointment, end bool
	}{{moderation.Mute, true, true, true}, {moderation.Ban, false, false, false}} {
		q := moderation.Silence{User: ann.User, Kind: c.kind, Reason: "广告"}
		if c.end {
			q.Until = w.clock.Now().Add(time.Hour)
		}
		if err := w.Silence(t.Context(), moderator, q); err != nil {
			t.Fatal(err)
		}
		_, err := w.says(ann, w.direct, "再说一句")
		var r *policy.Refusal
		if !errors.As(err, &r) || r.ID != policy.ErrMuted.ID || (r.RetryAfter > 0) != c.end {
			t.Errorf("%s says: %v", c.kind, err)
		}
		for _, step := range []struct {
			attempt chat.Attempt
			may     bool
		}{{exchange, c.exchange}, {meeting, c.appointment}, {noted, false}} {
			if _, err := w.Service.Admit(t.Context(), step.attempt); (err == nil) != step.may {
				t.Errorf("%s, %s: %v, want allowed %v", c.kind, step.attempt.Type, err, step.may)
			}
		}
		if _, err := w.says(rob, w.direct, "在吗"); err != nil {
			t.Errorf("the other side: %v", err)
		}
		w.clock.Advance(time.Minute) // a mute ends later
	}
	w.As(ann).Send(w.direct, chat.TypeRecall, wire.RecallContent{Target: said.Seq})
	if err := w.Lift(t.Context(), moderator, ann.User); err != nil {
		t.Fatal(err)
	}
	if _, err := w.says(ann, w.direct, "谢谢"); err != nil {
		t.Errorf("after it was lifted: %v", err)
	}
	if err := w.Lift(t.Context(), moderator, ann.User); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("lifted again: %v", err)
	}
}

func TestAMuteEndsByItself(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	q := moderation.Silence{User: ann.User, Kind: moderation.Mute, Until: w.clock.Now().Add(time.Hour), Reason: "x"}
	if err := w.Silence(t.Context(), moderator, q); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Hour)
	if _, err := w.says(ann, w.direct, "你好"); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if all, err := w.Silenced(t.Context(), moderator, "", 10); err != nil || len(all) != 0 {
		t.Errorf("listed %v, %v", all, err)
	}
}

func TestASilenceHoldsOnOtherNodesAndKeepsItsReasonSealed(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	q := moderation.Silence{User: ann.User, Kind: moderation.Ban, Reason: "冒充企业"}
	if err := w.Silence(t.Context(), moderator, q); err != nil {
		t.Fatal(err)
	}
	other := moderation.New(moderation.Config{Store: w.store, Vault: w.Vault, Chat: w.Node.Service, Entries: w.Store, Now: w.clock.Now})
	a := chat.Attempt{By: ann, Type: chat.TypeText, Content: json.RawMessage(`{"text":"hi"}`), Others: []chat.Party{{Role: identity.Recruiter}}}
	if _, err := other.Admit(t.Context(), a); !errors.Is(err, policy.ErrMuted) {
		t.Errorf("on a node that has just started: %v", err)
	}
	rows, _, err := w.store.Since(t.Context(), time.Time{})
	if err != nil || len(rows) != 1 || strings.Contains(string(rows[0].Reason), "冒充") {
		t.Errorf("stored %v, %v (A4)", rows, err)
	}
	all, err := other.Silenced(t.Context(), moderator, "", 10)
	if err != nil || len(all) != 1 || all[0].Reason != "冒充企业" || all[0].Kind != moderation.Ban {
		t.Errorf("listed %+v, %v", all, err)
	}
}

// late is a store in which something happens between the moment at which silences are read and that at which they are known.
type late struct {
	*moderationtest.Memory
	meanwhile func()
}

func (l *late) Since(ctx context.Context, at time.Time) ([]moderation.SilenceRow, time.Time, error) {
	rows, now, err := l.Memory.Since(ctx, at)
	if f := l.meanwhile; f != nil {
		l.meanwhile = nil
		f()
	}
	return rows, now, err
}

func TestALookAtOlderSilencesTakesNoNewOneBack(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	mute := moderation.Silence{User: chattest.Ann.User, Kind: moderation.Mute, Reason: "spam"}
	if err := errors.Join(w.Silence(t.Context(), moderator, mute), w.Lift(t.Context(), moderator, mute.User)); err != nil {
		t.Fatal(err)
	}
	store := &late{Memory: w.store}
	node := moderation.New(moderation.Config{Store: store, Vault: w.Vault, Chat: w.Node.Service, Entries: w.Store, Now: w.clock.Now})
	silenced := make(chan error, 1)
	store.meanwhile = func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			silenced <- node.Silence(context.Background(), moderator, mute)
		}()
		select {
		case <-done:
		case <-time.After(100 * time.Millisecond): // it waits for the look
		}
	}
	attempt := chat.Attempt{By: chattest.Ann, Conversation: w.direct, Type: chat.TypeText, Content: []byte(`{"text":"hello"}`)}
	if _, err := node.Admit(t.Context(), attempt); err != nil && !errors.Is(err, policy.ErrMuted) { // the first look
		t.Fatal(err)
	}
	if err := <-silenced; err != nil {
		t.Fatal(err)
	}
	if _, err := node.Admit(t.Context(), attempt); !errors.Is(err, policy.ErrMuted) {
		t.Errorf("after the mute: %v, want muted", err)
	}
}

func TestWithoutItsStoreANewNodeLetsNobodyWrite(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	w.store.Break(true)
	if _, err := w.says(ann, w.direct, "hi"); err == nil {
		t.Error("written although nobody knows who is banned")
	}
	w.store.Break(false)
	for end := time.Now().Add(5 * time.Second); ; { // those who come right after share the failure
		_, err := w.says(ann, w.direct, "hi")
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		<-time.After(50 * time.Millisecond)
	}
	w.store.Break(true)
	if _, err := w.says(ann, w.direct, "hi again"); err != nil {
		t.Errorf("a store that goes away later: %v", err)
	}
}

func TestOnlyModeratorsModerate(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	for _, role := range identity.Roles {
		p := identity.Principal{User: "u-x", Role: role}
		may := role == identity.Operator || role == identity.Service
		q := moderation.Silence{User: "u-y", Kind: moderation.Mute, Reason: "x"}
		for name, err := range map[string]error{
			"silence": w.Silence(t.Context(), p, q), "lift": w.Lift(t.Context(), p, "u-y"),
			"silenced": second(w.Silenced(t.Context(), p, "", 1)), "reports": second(w.Reports(t.Context(), p, "", "", 1)),
		} {
			if errors.Is(err, policy.ErrForbidden) == may {
				t.Errorf("%s %s: %v", role, name, err)
			}
		}
	}
	for _, q := range []moderation.Silence{
		{Kind: moderation.Mute, Reason: "x"}, {User: "u", Reason: "x"}, {User: "u", Kind: "x", Reason: "x"}, {User: "u", Kind: moderation.Ban},
		{User: "u", Kind: moderation.Mute, Reason: "x", Until: w.clock.Now()}, {User: "u", Kind: moderation.Mute, Reason: strings.Repeat("x", 501)},
		{User: identity.UserID(strings.Repeat("u", 129)), Kind: moderation.Mute, Reason: "x"},
	} {
		if err := w.Silence(t.Context(), moderator, q); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestUnknownEntriesAreNotJudgedAndMalformedOnesAreRefused(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	for kind, ok := range map[string]bool{chat.TypeReaction: true, "later": true, chat.TypeText: false} {
		_, err := w.Service.Admit(context.Background(), chat.Attempt{By: ann, Type: kind, Content: json.RawMessage(`[1]`)})
		if (err == nil) != ok {
			t.Errorf("%s: %v", kind, err)
		}
		if err != nil && errors.Is(err, policy.ErrContent) {
			t.Errorf("a fault was told as a refusal: %v", err)
		}
	}
}
