package moderation_test

import (
	"encoding/json"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/moderation"
	"parley/signal/wire"
)

// T6: what somebody takes apart to get it past the rules is masked where a headhunter takes part.
func TestNumbersInPiecesAreMaskedForAHeadhunter(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	for _, said := range []string{
		"138:1234:5678", "138;1234;5678", "138&1234&5678", "138 😀 1234 🎉 5678", "1    3    8    1    2    3    4    5    6    7    8",
		"138和1234和5678", "138 then 1234 then 5678", "1a3a8a1a2a3a4a5a6a7a8", "1x3x8x12345678", "13.812345678", "138.123.456.78",
		"㈠㈢㈧㈠㈡㈢㈣㈤㈥㈦㈧", "㊀㊂㊇㊀㊁㊂㊃㊄㊅㊆㊇", "〡〣〨〡〢〣〤〥〦〧〨", "१३८१२३४५६७८", "๑๓๘๑๒๓๔๕๖๗๘", "ⅠⅢⅧ12345678", "⼀三⼋12345678",
		"138{1234}5678", "138！1234？5678", "+86:138:1234:5678",
		"vх: zhangsan_88", "wéixìn: zhangsan_88", "ⅤⅩ: zhangsan_88",
	} {
		got, err := w.says(ann, w.hunted, said)
		if err != nil || !strings.Contains(got, "***") || strings.Contains(got, "5678") || strings.Contains(got, "zhangsan") || strings.Contains(got, "８") {
			t.Errorf("%q becomes %q, %v (T6)", said, got, err)
		}
	}
}

func TestWhatIsNoNumberStaysForAHeadhunter(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	for _, said := range []string{
		"3/12 14:00, 3/13 15:00, 3/16 16:00", "13:30 14:30 15:30 16:30", "138 人报名，1234 人浏览，5678 人投递", "15000-200000 元", "1998-2002 985 本科",
		"薪资15000-20000，5年经验", "15k 18k 20k 25k", "1-3年 3-5年 5-10年", "2019.09-2023.06，2023.07至今", "1、3、5、7、9、11、13、15 号线都可以", "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01",
	} {
		if got, err := w.says(ann, w.hunted, said); err != nil || got != said {
			t.Errorf("%q becomes %q, %v", said, got, err)
		}
	}
}

// T6: a number spread over the fields of one card is one.
func TestANumberSpreadOverACardIsMaskedForAHeadhunter(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	clean := wire.ResumeCard{Title: "后端", City: "上海", Education: "本科 2015-2019", Salary: "15000-20000", Summary: "5年 Java，200人团队", Skills: []string{"Go", "K8s"}}
	for name, c := range map[string]struct {
		card wire.ResumeCard
		bad  []string
	}{
		"skills":     {wire.ResumeCard{Title: "Go", Skills: []string{"138", "1234", "5678"}}, []string{"138", "1234", "5678"}},
		"any fields": {wire.ResumeCard{Title: "Go 138", City: "1234", Summary: "5678 and more"}, []string{"138", "1234", "5678"}},
		"nothing":    {clean, nil},
	} {
		seq := w.As(ann).Send(w.hunted, chat.TypeResume, wire.ResumeContent{Card: c.card}).Seq
		raw := string(w.As(hana).Sees(w.hunted, seq).Content)
		for _, bad := range c.bad {
			if strings.Contains(raw, bad) {
				t.Errorf("%s: %s (T6)", name, raw)
			}
		}
		if c.bad == nil && strings.Contains(raw, "***") {
			t.Errorf("%s: %s", name, raw)
		}
	}
	job, err := json.Marshal(wire.JobContent{Job: "13812345678", Title: "Go", Tags: []string{"139", "1234", "5678"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Service.Admit(t.Context(), chat.Attempt{By: hana, Others: []chat.Party{{User: ann.User, Role: ann.Role}}, Type: chat.TypeJob, Content: job})
	if err != nil || strings.Contains(string(got), "5678") {
		t.Errorf("a job becomes %s, %v (T6)", got, err)
	}
}
