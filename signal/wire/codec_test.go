package wire

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(k Kind) string { return filepath.Join("testdata", string(k)+".json") }

func TestEveryKindHasAGoldenExample(t *testing.T) {
	var have []Kind
	for _, f := range examples {
		have = append(have, f.Body.Kind())
	}
	slices.Sort(have)
	if !slices.Equal(have, Kinds()) {
		t.Fatalf("examples for %v, kinds are %v", have, Kinds())
	}
	for _, f := range examples {
		line, err := Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden(f.Body.Kind()), append(line, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden(f.Body.Kind()))
		if err != nil {
			t.Fatal(err)
		}
		if string(line)+"\n" != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", f.Body.Kind(), line, want)
		}
	}
}

func TestNoGoldenFileIsLeftOver(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(Kinds()) {
		t.Errorf("%d golden files for %d kinds", len(files), len(Kinds()))
	}
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	for _, f := range examples {
		line, err := Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(line)
		if err != nil {
			t.Errorf("%s: %v", f.Body.Kind(), err)
		}
		if !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v\nwant %+v", got, f)
		}
	}
}

func TestAFrameIsOneLineWhateverItsRawContent(t *testing.T) {
	line, err := Encode(Frame{Body: ChatSend{Content: []byte("{\n \"text\": \"a\\nb<\"\n}")}})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(line, "\n") || !bytes.Contains(line, []byte(`{"text":"a\nb<"}`)) {
		t.Errorf("got %s", line)
	}
}

func TestDecodeIgnoresUnknownFields(t *testing.T) {
	f, err := Decode([]byte(`{"kind":"renew","ref":"1","later":[1],"body":{"token":"t","later":{"a":1}}}`))
	if err != nil || f.Body != (Renew{Token: "t"}) {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestABodyMayBeLeftOutWhereItHasNothingToSay(t *testing.T) {
	for _, line := range []string{`{"kind":"done"}`, `{"kind":"done","body":null}`, `{"kind":"done","body":{}}`} {
		if f, err := Decode([]byte(line)); err != nil || f.Body != (Done{}) {
			t.Errorf("%s: got %+v, %v", line, f, err)
		}
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		name, line, text string
		is               error
	}{
		{"empty", ``, "not a JSON object", ErrBadFrame},
		{"array", `[]`, "not a JSON object", ErrBadFrame},
		{"two frames", `{"kind":"done"}{"kind":"done"}`, "not a JSON object", ErrBadFrame},
		{"no kind", `{"ref":"1"}`, "kind is missing", ErrBadFrame},
		{"kind of a wrong type", `{"kind":1}`, "not a JSON object", ErrBadFrame},
		{"long ref", `{"kind":"done","ref":"` + strings.Repeat("r", MaxRef+1) + `"}`, "ref too long", ErrBadFrame},
		{"not UTF-8", "{\"kind\":\"text.get\",\"body\":{\"version\":\"\xff\"}}", "not UTF-8", ErrBadFrame},
		{"body is text", `{"kind":"renew","body":"x"}`, "the body is not an object", ErrBadFrame},
		{"wrong type", `{"kind":"chat.read","body":{"conversation":"c","after":"x"}}`, `chat.read: wrong type of field "after"`, ErrBadFrame},
		{"wrong type inside", `{"kind":"rtc.offer","body":{"tracks":[{"mid":4}]}}`, `"tracks.mid"`, ErrBadFrame},
		{"negative", `{"kind":"chat.mark","body":{"read":-1}}`, `"read"`, ErrBadFrame},
		{"time", `{"kind":"pong","body":{"a":1,"time":"yesterday"}}`, `"time"`, ErrBadFrame},
		{"base64", `{"kind":"interview.receipt","body":{"heads":[{"signature":"*"}]}}`, `"heads"`, ErrBadFrame},
		{"too large", `{"kind":"done","ref":"` + strings.Repeat("r", MaxAnswer) + `"}`, "too large", ErrTooLarge},
		{"unknown", `{"kind":"chat.shout","ref":"9"}`, `unknown kind "chat.shout"`, nil},
		{"unknown and long", `{"kind":"` + strings.Repeat("k", 100) + `"}`, `"` + strings.Repeat("k", 32) + `"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.line))
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want %q in it", err, tt.text)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
		})
	}
}

func TestErrorsOfAFrameCarryItsRef(t *testing.T) {
	_, err := Decode([]byte(`{"kind":"chat.shout","ref":"9"}`))
	if e, ok := errors.AsType[*UnknownKindError](err); !ok || e.Ref != "9" || e.Kind != "chat.shout" {
		t.Errorf("got %#v", err)
	}
	_, err = Decode([]byte(`{"kind":"renew","ref":"10","body":{"token":1}}`))
	if e, ok := errors.AsType[*BodyError](err); !ok || e.Ref != "10" || e.Field != "token" {
		t.Errorf("got %#v", err)
	}
}

func TestASideCanOnlySendItsKinds(t *testing.T) {
	for _, f := range examples {
		line, err := Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []Side{Neither, Client, Server, Both} {
			_, err := DecodeFrom(side, line)
			may := f.Body.Kind().Sender()&side != 0
			if _, unknown := errors.AsType[*UnknownKindError](err); unknown == may {
				t.Errorf("%s from side %d: %v", f.Body.Kind(), side, err)
			}
		}
	}
}

func TestAClientsLimitIsTheSmallerOne(t *testing.T) {
	big := []byte(`{"kind":"renew","body":{"token":"` + strings.Repeat("t", MaxMessage) + `"}}`)
	if _, err := DecodeFrom(Client, big); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := SplitMessage(Client, big); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := Decode(big); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for _, f := range []Frame{{}, {Ref: strings.Repeat("r", MaxRef+1), Body: Done{}}, {Body: ChatSend{Content: []byte("{")}}} {
		if line, err := Encode(f); err == nil {
			t.Errorf("got %s", line)
		}
	}
}

func TestSplitMessage(t *testing.T) {
	frame := `{"kind":"done"}`
	tests := []struct {
		name, message string
		frames        int
		err           error
	}{
		{"nothing", "", 0, nil},
		{"one", frame, 1, nil},
		{"one with newline", frame + "\n", 1, nil},
		{"windows", frame + "\r\n" + frame + "\r\n", 2, nil},
		{"empty lines", "\n\n" + frame + "\n\n", 1, nil},
		{"the most", strings.Repeat(frame+"\n", MaxFrames), MaxFrames, nil},
		{"too many", strings.Repeat(frame+"\n", MaxFrames+1), 0, ErrTooLarge},
		{"too long", strings.Repeat("\n", MaxMessage+1), 0, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SplitMessage(Client, []byte(tt.message))
			if len(got) != tt.frames || !errors.Is(err, tt.err) {
				t.Fatalf("got %d frames, %v", len(got), err)
			}
			for _, line := range got {
				if string(line) != frame {
					t.Errorf("got %q", line)
				}
			}
		})
	}
}

func TestEveryCloseCodeSaysWhatToDo(t *testing.T) {
	tests := map[Close]Action{CloseNormal: Stay, CloseAway: Retry, CloseSignIn: SignIn, CloseRevoked: SignIn, CloseFlood: Retry, 1006: Retry, 4999: Retry}
	for code, want := range tests {
		if got := code.Action(); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range examples {
		line, err := Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"kind":"chat.send","body":{"content":{"a":"\ud800"}}}`))
	f.Add([]byte(`{"kind":"pong","body":{"time":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := SplitMessage(Client, b); err != nil && len(b) <= MaxMessage && bytes.Count(b, []byte{'\n'}) < MaxFrames {
			t.Fatalf("split: %v", err)
		}
		first, err := Decode(b)
		if err != nil {
			return
		}
		line, err := Encode(first)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		second, err := Decode(line)
		if err != nil && len(line) <= MaxAnswer {
			t.Fatalf("encoded %s but not decoded: %v", line, err)
		}
		again, err := Encode(second)
		if err != nil || !bytes.Equal(line, again) {
			t.Fatalf("round trip: %s, then %s (%v)", line, again, err)
		}
	})
}
