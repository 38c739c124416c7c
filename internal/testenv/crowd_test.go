package testenv_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"parley/internal/testenv"
	"parley/signal/wire"
)

// TestCrowd has people talk in a room of the platform's: what one says all see in frames, also who only watches; who comes late
// sees what was said before, and names are masked (T2).
func TestCrowd(t *testing.T) {
	env := testenv.New(t)
	platform := env.As("service")
	var room struct{ ID string }
	platform.JSON(http.MethodPost, "/v1/crowds", map[string]any{"key": "stream-1", "title": "春季招聘"}, &room)
	for _, seat := range []string{"candidate", "host"} {
		a := env.As(seat)
		res := platform.Do(http.MethodPut, "/v1/crowds/"+room.ID+"/people/"+string(a.ID),
			map[string]any{"family_name": a.Family, "given_name": a.Given, "host": seat == "host"})
		if res.Body.Close(); res.StatusCode/100 != 2 {
			t.Fatalf("%d", res.StatusCode)
		}
	}
	candidate, host, viewer := sitDown(t, env, "candidate"), sitDown(t, env, "host"), sitDown(t, env, "viewer")
	for _, s := range []side{candidate, host, viewer} {
		if st := s.ask(t, wire.CrowdJoin{Room: room.ID}).(wire.CrowdState); !st.Open {
			t.Errorf("%s joins %+v", s.Role, st)
		}
	}
	say := func(text string) wire.CrowdSay {
		c, _ := json.Marshal(wire.TextContent{Text: text})
		return wire.CrowdSay{Room: room.ID, CID: newCID(), Type: "text", Content: c}
	}
	hello := say("大家好，我的微信 xiaoming_li9")
	first := candidate.ask(t, hello).(wire.CrowdAck)
	if again := candidate.ask(t, hello).(wire.CrowdAck); !again.Dup || again.Seq != first.Seq {
		t.Errorf("repeated: %+v after %+v", again, first)
	}
	viewer.refuses(t, "forbidden", say("hi"))
	host.ask(t, say("欢迎"))
	for _, s := range []side{candidate, host, viewer} {
		shown := map[string]string{}
		eventually(t, "both to be shown", func() bool {
			for _, f := range all[wire.CrowdFrame](s.pushed) {
				for _, e := range f.Entries {
					shown[e.Name] += string(e.Content)
				}
			}
			return len(shown) == 2
		})
		if !strings.Contains(shown["李**"], "大家好") || strings.Contains(shown["李**"], "xiaoming_li9") || !strings.Contains(shown["周雨桐"], "欢迎") {
			t.Errorf("the %s sees %v", s.Role, shown)
		}
	}
	late := sitDown(t, env, "recruiter")
	if st := late.ask(t, wire.CrowdJoin{Room: room.ID}).(wire.CrowdState); len(st.Recent) != 2 || st.Recent[0].Name != "李**" {
		t.Errorf("who comes late sees %+v", st.Recent)
	}
	slow := 60
	platform.JSON(http.MethodPatch, "/v1/crowds/"+room.ID, map[string]any{"slow_seconds": slow}, nil)
	eventually(t, "slow mode to be told", func() bool {
		st, ok := last(late.pushed, func(wire.CrowdState) bool { return true })
		return ok && st.Slow == slow
	})
	candidate.ask(t, wire.CrowdLeave{Room: room.ID})
	platform.JSON(http.MethodPatch, "/v1/crowds/"+room.ID, map[string]any{"close": true}, nil)
	host.refuses(t, "gone", say("still on?"))
}

// all are the pushes of a kind.
func all[T wire.Body](p *pushes) (found []T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.all {
		if b, ok := b.(T); ok {
			found = append(found, b)
		}
	}
	return found
}
