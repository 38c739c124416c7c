package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"parley/internal/policy"
	"parley/signal/wire"
)

// Limits of contents, in bytes unless said otherwise.
const (
	MaxField   = 300  // of a card's field, a name or an id
	MaxSummary = 4000 // of a resume's card
	MaxTags    = 30   // of a card
	maxEmoji   = 8    // code points
)

// erasedContent stands for the content of an entry whose key was destroyed (R2).
var erasedContent = json.RawMessage(`{"erased":true}`)

// maxContent is the largest encoded content that is looked at: a text of wire.MaxText bytes, each escaped as \u00xx.
const maxContent = 6*wire.MaxText + 64

// kind says how entries of one type are made. What is stored is the canonical encoding of what was understood: unknown
// fields are refused, so that nothing is kept unseen and no client believes that we kept it.
type kind struct {
	sent bool // by people; the others are posted by the server
	// form returns the content as the type that wire has for it, and in canonical form.
	form func(json.RawMessage) (any, json.RawMessage, error)
	// prepare, where there is one, does what such an entry needs before anybody sees it.
	prepare func(*Service, context.Context, *writing) error
}

// kinds is the table of the types of entries.
var kinds = map[string]kind{
	TypeText:     {sent: true, form: form(checkText), prepare: (*Service).prepareText},
	TypePicture:  {sent: true, form: form(checkMedia), prepare: (*Service).prepareMedia},
	TypeVoice:    {sent: true, form: form(checkMedia), prepare: (*Service).prepareMedia},
	TypeVideo:    {sent: true, form: form(checkMedia), prepare: (*Service).prepareMedia},
	TypeFile:     {sent: true, form: form(checkMedia), prepare: (*Service).prepareMedia},
	TypeResume:   {sent: true, form: form(checkResume), prepare: (*Service).prepareResume},
	TypeJob:      {sent: true, form: form(checkJob), prepare: (*Service).prepareJob},
	TypeEdit:     {sent: true, form: form(checkEdit), prepare: (*Service).prepareEdit},
	TypeRecall:   {sent: true, form: form(checkRecall), prepare: (*Service).prepareRecall},
	TypeReaction: {sent: true, form: form(checkReaction), prepare: (*Service).prepareReaction},

	TypeExchange:    {form: form(checkExchange)},
	TypeAppointment: {form: form(checkAppointment)},
	TypeCall:        {form: form(checkCall)},
	TypeInterview:   {form: form(checkInterview)},
	TypeSystem:      {form: form(checkSystem)},
}

var (
	errContent = policy.ErrBadRequest.With("The content does not have the form of its type.", "消息内容的格式不正确。")
	errLong    = policy.ErrTooLarge.With("The text is too long.", "消息过长。")
	errEmpty   = policy.ErrBadRequest.With("The text is empty.", "消息不能为空。")
)

func checkText(c wire.TextContent) error { return words(c.Text) }

// words checks a text that has to say something.
func words(text string) error {
	switch {
	case len(text) > wire.MaxText:
		return errLong
	case strings.TrimSpace(text) == "":
		return errEmpty
	}
	return nil
}

func checkMedia(c wire.MediaContent) error {
	if len(c.Text) > wire.MaxText {
		return errLong
	}
	return refuse(!plainText(c.Attachment, 1, MaxField) || !plainText(c.Name, 0, MaxField) || !plainText(c.Media, 0, MaxField))
}

func checkResume(c wire.ResumeContent) error {
	d := c.Card
	if len(d.Summary) > MaxSummary {
		return errLong
	}
	bad := !fields(d.City, d.Education, d.Salary, c.Attachment, c.Name, c.Media) || !tags(d.Skills)
	return refuse(bad || !plainText(d.Title, 1, MaxField) || d.Years < 0 || d.Years > 80)
}

func checkJob(c wire.JobContent) error {
	bad := !fields(c.Company, c.City, c.Salary) || !tags(c.Tags)
	return refuse(bad || !plainText(c.Job, 1, MaxField) || !plainText(c.Title, 1, MaxField))
}

func checkEdit(c wire.EditContent) error {
	if c.Target == 0 {
		return errContent
	}
	return words(c.Text)
}

func checkRecall(c wire.RecallContent) error { return refuse(c.Target == 0) }

func checkReaction(c wire.ReactionContent) error { return refuse(c.Target == 0 || !emoji(c.Emoji)) }

// emoji says whether s is a picture and no writing: nobody gets words past the gates as a reaction. Symbols that are letters,
// digits or parts of characters are none; of the letters that flags are made of there is one pair.
func emoji(s string) bool {
	pictures, flags, all := 0, 0, 0
	for _, r := range s {
		all++
		switch {
		case unicode.Is(unicode.So, r) && unicode.Is(pictorial, r):
			pictures++
		case r >= 0x1f1e6 && r <= 0x1f1ff:
			flags++
		case r >= 0x1f3fb && r <= 0x1f3ff, r == 0x200d, r == 0xfe0f: // skin, joiner, variation
		default:
			return false
		}
	}
	flag := flags == 2 && pictures == 0
	return (flag || flags == 0 && pictures > 0) && all <= maxEmoji
}

// pictorial are the blocks of pictures: arrows, watches and weather, dingbats, faces and things. Enclosed letters and ideographs,
// radicals, strokes, Braille and the letters of APL are in others.
var pictorial = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2190, Hi: 0x21ff, Stride: 1}, {Lo: 0x231a, Hi: 0x231b, Stride: 1}, {Lo: 0x23e9, Hi: 0x23ff, Stride: 1},
		{Lo: 0x25a0, Hi: 0x27bf, Stride: 1}, {Lo: 0x2b00, Hi: 0x2bff, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f7e0, Hi: 0x1f7f0, Stride: 1}, {Lo: 0x1f900, Hi: 0x1faff, Stride: 1},
	},
}

func checkExchange(c wire.ExchangeContent) error {
	return refuse(c.Exchange == "" || c.What == "" || c.Step == "")
}

func checkAppointment(c wire.AppointmentContent) error {
	if len(c.Note) > wire.MaxText {
		return errLong
	}
	return refuse(c.Appointment == "" || c.Step == "")
}

func checkCall(c wire.CallContent) error { return refuse(c.Call == "" || c.State == "") }

func checkInterview(c wire.InterviewContent) error { return refuse(c.Interview == "" || c.State == "") }

func checkSystem(c wire.SystemContent) error {
	for language, text := range c.Text {
		if len(text) > wire.MaxText {
			return errLong
		}
		if language != "zh" && language != "en" {
			return errContent
		}
	}
	return refuse(!plainText(c.Code, 1, MaxField) || !plainText(c.Company, 0, MaxField))
}

func refuse(bad bool) error {
	if bad {
		return errContent
	}
	return nil
}

func fields(all ...string) bool {
	for _, f := range all {
		if !plainText(f, 0, MaxField) {
			return false
		}
	}
	return true
}

func tags(all []string) bool { return len(all) <= MaxTags && fields(all...) }

// Canonical is the content of an entry of the type as it would be stored, as far as its form goes; a refusal where it has
// not the form of its type.
func Canonical(entry string, content json.RawMessage) (json.RawMessage, error) {
	k, ok := kinds[entry]
	if !ok {
		return nil, errContent
	}
	_, plain, err := k.form(content)
	return plain, err
}

// form makes of a check of one type of content the form of its kind.
func form[T any](check func(T) error) func(json.RawMessage) (any, json.RawMessage, error) {
	return func(raw json.RawMessage) (any, json.RawMessage, error) {
		c, err := decode[T](raw)
		if err != nil {
			return nil, nil, err
		}
		if err := check(c); err != nil {
			return nil, nil, err
		}
		value := any(c)
		plain, err := encode(value)
		return value, plain, err
	}
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

// Verify returns nil for what a person's client may send, a UUIDv7 in its canonical form (RFC 9562), or a refusal.
func (c ClientID) Verify() error {
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
