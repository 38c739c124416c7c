package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"parley/internal/policy"
	"parley/signal/wire"
)

// erasedContent stands for the content of an entry whose key was destroyed (R2).
var erasedContent = json.RawMessage(`{"erased":true}`)

// maxContent is the largest encoded content that is looked at: a text of wire.MaxText bytes, each escaped as \u00xx.
const maxContent = 6*wire.MaxText + 64

// contents says for each type of entry how its content is checked. What is stored is the canonical encoding of what was
// understood: unknown fields are refused, so that nothing is kept unseen and no client believes that we kept it.
var contents = map[string]func(json.RawMessage) (json.RawMessage, error){
	TypeText:      textContent,
	TypeInterview: interviewContent,
	TypeSystem:    systemContent,
}

var errContent = policy.ErrBadRequest.With("The content does not have the form of its type.", "消息内容的格式不正确。")

func textContent(raw json.RawMessage) (json.RawMessage, error) {
	c, err := decode[wire.TextContent](raw)
	if err != nil {
		return nil, err
	}
	if len(c.Text) > wire.MaxText {
		return nil, policy.ErrTooLarge.With("The text is too long.", "消息过长。")
	}
	if strings.TrimSpace(c.Text) == "" {
		return nil, policy.ErrBadRequest.With("The text is empty.", "消息不能为空。")
	}
	return encode(c)
}

func interviewContent(raw json.RawMessage) (json.RawMessage, error) {
	c, err := decode[wire.InterviewContent](raw)
	if err != nil {
		return nil, err
	}
	if c.Interview == "" || c.State == "" {
		return nil, errContent
	}
	return encode(c)
}

func systemContent(raw json.RawMessage) (json.RawMessage, error) {
	c, err := decode[wire.SystemContent](raw)
	if err != nil {
		return nil, err
	}
	if c.Code == "" {
		return nil, errContent
	}
	return encode(c)
}

func decode[T any](raw json.RawMessage) (T, error) {
	var c T
	if len(raw) > maxContent {
		return c, policy.ErrTooLarge.With("The content is too long.", "消息过长。")
	}
	if !utf8.Valid(raw) {
		return c, policy.ErrBadRequest.With("The content is not valid UTF-8.", "消息不是有效的 UTF-8。")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil { // the cause may quote what was sent, so it goes no further
		return c, errContent
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errContent
	}
	return c, nil
}

func encode(c any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, errContent
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// checkClientID accepts what a person's client may send: a UUIDv7 in its canonical form (RFC 9562).
func checkClientID(c ClientID) error {
	u, err := uuid.Parse(string(c))
	if err != nil || u.String() != string(c) || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return policy.ErrBadRequest.With("The cid is not a UUIDv7 in lower case.", "cid 不是小写的 UUIDv7。")
	}
	return nil
}

// checkSystemID accepts what the system may use: printable ASCII.
func checkSystemID(c ClientID) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if c == "" || len(c) > MaxClientID || strings.ContainsFunc(string(c), bad) {
		return policy.ErrBadRequest.With("The cid is empty, too long or not printable.", "cid 无效。")
	}
	return nil
}
