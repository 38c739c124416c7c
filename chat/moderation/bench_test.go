package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// hot are texts of 256 bytes, and how each looks to the rules.
var hot = map[string]string{
	"Chinese": "您好，看了您的简历，觉得和我们后端岗位很匹配，团队二十人左右，负责支付和结算，技术栈是 Go 和 PostgreSQL，薪资 25-35K，十五薪，弹性工作，方便的话约个时间聊聊吗？谢谢",
	"English": strings.Repeat("We are looking for a backend engineer with 5 years of Go. ", 4) + "Shall we talk on Monday?",
	"digits":  strings.Repeat("2026-03-09 15000-20000 135 246 ", 8) + "12345678",
	"contact": strings.Repeat("可以聊聊这个岗位吗？", 7) + "微信：lisi_2020 或 138 1234 5678",
}

func BenchmarkGate(b *testing.B) {
	path := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte("lists:\n- {name: many, action: refuse, files: [words.txt], patterns: ['培训.{0,6}押金', 'pay .{0,10} deposit']}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	var words strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&words, "%c%c%c\n", rune(0x4e00+i*7%20000), rune(0x4e00+i*13%20000), rune(0x4e00+i*29%20000))
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "words.txt"), []byte(words.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	rules, err := Load(path, Where{})
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{Rules: rules})
	s.since = time.Now() // nobody is silent
	for name, text := range hot {
		content, _ := json.Marshal(map[string]string{"text": text})
		a := chat.Attempt{
			By: identity.Principal{User: "u-1", Role: identity.Candidate}, Others: []chat.Party{{User: "u-2", Role: identity.Recruiter}},
			Type: chat.TypeText, Content: content, Confirmed: true,
		}
		b.Run(fmt.Sprintf("%s-%d", name, len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Admit(context.Background(), a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
