package wire

import "testing"

// A chat.entry is the frame that is sent most often.

func BenchmarkEncodeEntry(b *testing.B) {
	b.ReportAllocs()
	f := Frame{Body: ChatEntry{Entry: entry}}
	for b.Loop() {
		if _, err := Encode(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSend(b *testing.B) {
	line, err := Encode(Frame{Ref: "4", Body: ChatSend{Conversation: conversation, CID: cid, Type: "text", Content: text}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeFrom(Client, line); err != nil {
			b.Fatal(err)
		}
	}
}
