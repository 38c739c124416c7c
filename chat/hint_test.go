package chat_test

import (
	"reflect"
	"testing"
	"time"

	"parley/chat"
)

var hints = []chat.Hint{
	chat.Entry{Conversation: "c", Seq: 7, Sender: "u", CID: "x", Time: time.UnixMicro(1772600000123456).UTC(), Type: "text", Sealed: []byte{1, 0, 255}},
	chat.Entry{Conversation: "c", Seq: 1 << 60, Time: time.UnixMicro(-5).UTC(), Type: "system", Sealed: []byte{}},
	chat.Cursor{Conversation: "c", User: "u", Delivered: 9, Read: 8},
	chat.Cursor{Conversation: "c", User: "u", Delivered: 9, Read: 8, Quiet: true},
	chat.Changed{Conversation: "c"},
}

func TestHintsCrossTheBusUnchanged(t *testing.T) {
	for _, h := range hints {
		got, err := chat.DecodeHint(chat.EncodeHint(h))
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("got %#v, %v; want %#v", got, err, h)
		}
	}
}

func TestMalformedHintsAreRefused(t *testing.T) {
	for _, h := range hints {
		b := chat.EncodeHint(h)
		for n := range b {
			if got, err := chat.DecodeHint(b[:n]); err == nil {
				t.Errorf("cut to %d of %d bytes: %v", n, len(b), got)
			}
		}
		if got, err := chat.DecodeHint(append(b, 0)); err == nil {
			t.Errorf("a byte too many: %v", got)
		}
	}
	if _, err := chat.DecodeHint([]byte("z\x00")); err == nil {
		t.Error("an unknown kind was accepted")
	}
}

func FuzzHint(f *testing.F) {
	for _, h := range hints {
		f.Add(chat.EncodeHint(h))
	}
	f.Add([]byte("e\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := chat.DecodeHint(b)
		if err != nil {
			return
		}
		again, err := chat.DecodeHint(chat.EncodeHint(h))
		if err != nil || !reflect.DeepEqual(again, h) {
			t.Errorf("%#v became %#v, %v", h, again, err)
		}
	})
}
