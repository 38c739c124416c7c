package outbox_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The bodies are a golden file, so that every change of what leaves the server shows in review (A6).
func TestTheBodyOfEachKindIsAsDocumented(t *testing.T) {
	const path = "testdata/bodies.golden"
	var b strings.Builder
	for i, e := range outboxtest.EachKind(t) {
		e.ID = outbox.EventID(fmt.Sprintf("0195794e-8f10-7c3a-9d42-6f1f5a3b2c%02x", i))
		e.At = time.Date(2026, 3, 4, 13, 6, 7, 123456789, time.FixedZone("CST", 8*3600))
		body, err := e.Body()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", body)
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || b.String() != string(want) {
		t.Errorf("the bodies are now (go test -update if that is meant), %v\n%s", err, b.String())
	}
}

func TestAnEventHasTheFieldsOfItsKindAndNoOther(t *testing.T) {
	fields := map[string]func(*outbox.Event){
		"conversation": func(e *outbox.Event) { e.Conversation = toggle(e.Conversation) },
		"seq":          func(e *outbox.Event) { e.Seq = 1 - min(e.Seq, 1) },
		"type":         func(e *outbox.Event) { e.Type = toggle(e.Type) },
		"sender":       func(e *outbox.Event) { e.Sender = toggle(e.Sender) },
		"interview":    func(e *outbox.Event) { e.Interview = toggle(e.Interview) },
		"recording":    func(e *outbox.Event) { e.Recording = toggle(e.Recording) },
		"user":         func(e *outbox.Event) { e.User = toggle(e.User) },
		"channel":      func(e *outbox.Event) { e.Channel = toggle(e.Channel) },
		"class":        func(e *outbox.Event) { e.Class = toggle(e.Class) },
		"notice":       func(e *outbox.Event) { e.Notice = toggle(e.Notice) },
		"report":       func(e *outbox.Event) { e.Report = toggle(e.Report) },
		"id":           func(e *outbox.Event) { e.ID = "7" },
		"version":      func(e *outbox.Event) { e.ID = "0195794e-8f10-4c3a-9d42-6f1f5a3b2c01" },
		"time":         func(e *outbox.Event) { e.At = time.Time{} },
		"kind":         func(e *outbox.Event) { e.Kind = "conversation.read" },
		"length":       func(e *outbox.Event) { *text(e) = strings.Repeat("x", 257) },
		"encoding":     func(e *outbox.Event) { *text(e) = "\xff" },
	}
	for _, e := range outboxtest.EachKind(t) {
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
		for name, change := range fields {
			changed := e
			change(&changed)
			allowed := name == "sender" && e.Kind == outbox.ConversationEntry // of the system
			if body, err := changed.Body(); (err == nil) != allowed {
				t.Errorf("%s with another %s: %s, %v; want allowed %v", e.Kind, name, body, err, allowed)
			}
		}
	}
}

// text is a field that the event has.
func text(e *outbox.Event) *string {
	for _, f := range []*string{&e.Conversation, &e.Recording} {
		if *f != "" {
			return f
		}
	}
	return &e.Notice
}

func toggle[T ~string](s T) T {
	if s == "" {
		return "x"
	}
	return ""
}

func TestASealedRecordingHasOneEventWhoeverSealsIt(t *testing.T) {
	const one, other = "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01", "0195794e-8f10-7c3a-9d42-6f1f5a3b2c02"
	e, err := outbox.Sealed(one, "i-1", time.Now())
	if err != nil || e.Check() != nil || e.Recording != one || e.Interview != "i-1" {
		t.Fatalf("%+v, %v, %v", e, err, e.Check())
	}
	again, err := outbox.Sealed(one, "i-1", time.Now().Add(time.Second))
	if err != nil || again.ID != e.ID {
		t.Errorf("again: %s, %v; want %s", again.ID, err, e.ID)
	}
	if o, err := outbox.Sealed(other, "i-1", time.Now()); err != nil || o.ID == e.ID || o.Check() != nil || string(o.ID[:13]) != other[:13] {
		t.Errorf("another recording: %+v, %v", o, err)
	}
	if e, err := outbox.Sealed("r-1", "i-1", time.Now()); err == nil {
		t.Errorf("an id that is no UUIDv7: %+v", e)
	}
}
