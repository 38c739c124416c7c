package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// What can be wrong with bytes. Every error of Decode and SplitMessage is one of these, possibly wrapped.
var (
	// ErrTooLarge says that a message or a batch is over its limit.
	ErrTooLarge = errors.New("wire: message is too large")
	// ErrBadFrame says that a line is not a frame: no JSON object, text that is not UTF-8, a ref too long, no kind.
	ErrBadFrame = errors.New("wire: not a frame")
)

// UnknownKindError says that a frame has a kind that does not exist, or that its sender may not send.
type UnknownKindError struct {
	Kind Kind // at most 32 bytes of what came
	Ref  string
}

func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("wire: unknown kind %q", string(e.Kind))
}

// BodyError says that the body of a frame does not fit its kind, and in which field.
type BodyError struct {
	Kind  Kind
	Ref   string
	Field string // "content.text"; empty when the body is no object at all
}

func (e *BodyError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("wire: %s: the body is not an object", e.Kind)
	}
	return fmt.Sprintf("wire: %s: wrong type of field %q", e.Kind, e.Field)
}

// Is makes every BodyError an ErrBadFrame.
func (e *BodyError) Is(target error) bool { return target == ErrBadFrame }

type envelope struct {
	Kind Kind            `json:"kind"`
	Ref  string          `json:"ref,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Encode returns the frame as one line of JSON without the newline. [Decode] is its inverse, for bodies whose raw JSON
// is compact and whose times carry no monotonic reading.
func Encode(f Frame) ([]byte, error) {
	if f.Body == nil || len(f.Ref) > MaxRef {
		return nil, fmt.Errorf("encode: %w", ErrBadFrame)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Kind Kind   `json:"kind"`
		Ref  string `json:"ref,omitempty"`
		Body Body   `json:"body"`
	}{f.Body.Kind(), f.Ref, f.Body})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", f.Body.Kind(), err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Decode reads one frame of either side. The frame keeps nothing of b. Fields it does not know are ignored, so that an
// older side understands a newer one. Errors: [ErrTooLarge], [ErrBadFrame], [*UnknownKindError], [*BodyError].
func Decode(b []byte) (Frame, error) { return DecodeFrom(Both, b) }

// DecodeFrom is Decode for what came from one side: that side's limit holds, and kinds that it may not send are unknown
// and their bodies are not looked at.
func DecodeFrom(side Side, b []byte) (Frame, error) {
	e, err := open(side, b)
	if err != nil {
		return Frame{}, err
	}
	k := kinds[e.Kind]
	if k.from&side == 0 {
		return Frame{Ref: e.Ref}, &UnknownKindError{Kind: e.Kind[:min(len(e.Kind), 32)], Ref: e.Ref}
	}
	body, err := k.decode(e.Body)
	if err != nil {
		return Frame{Ref: e.Ref}, &BodyError{Kind: e.Kind, Ref: e.Ref, Field: blame(k, e.Body, err)}
	}
	return Frame{Ref: e.Ref, Body: body}, nil
}

func open(side Side, b []byte) (envelope, error) {
	var e envelope
	if len(b) > side.Max() {
		return e, ErrTooLarge
	}
	// Invalid UTF-8 inside raw JSON would be passed on, and a browser that gets it drops its connection.
	if !utf8.Valid(b) {
		return e, fmt.Errorf("%w: not UTF-8", ErrBadFrame)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%w: not a JSON object with kind, ref and body", ErrBadFrame)
	}
	if e.Kind == "" || len(e.Ref) > MaxRef {
		return e, fmt.Errorf("%w: the kind is missing or the ref too long", ErrBadFrame)
	}
	if len(e.Body) == 0 || string(e.Body) == "null" {
		e.Body = json.RawMessage("{}")
	}
	return e, nil
}

// blame finds the field that made a body fail. Times and base64 don't say their field, so those are found by trying the
// fields one by one.
func blame(k kind, body []byte, err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return t.Field
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err != nil {
			continue
		}
		if _, err := k.decode(one); err != nil {
			return name
		}
	}
	return ""
}

// SplitMessage splits a WebSocket message into its frames, one a line; empty lines are no frames. The frames share b's
// memory. [ErrTooLarge] when the message is over the side's limit or has more than [MaxFrames] frames.
func SplitMessage(side Side, b []byte) ([][]byte, error) {
	if len(b) > side.Max() {
		return nil, ErrTooLarge
	}
	var frames [][]byte
	for line := range bytes.SplitSeq(b, []byte{'\n'}) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(frames) == MaxFrames {
			return nil, fmt.Errorf("%w: more than %d frames", ErrTooLarge, MaxFrames)
		}
		frames = append(frames, line)
	}
	return frames, nil
}
