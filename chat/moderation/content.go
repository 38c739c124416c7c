package moderation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"parley/chat"
	"parley/signal/wire"
)

// editor passes each text of a content through f and returns the content with what f made of them, or nil if all is as it was.
type editor func(raw json.RawMessage, f func(string) string) (json.RawMessage, error)

// editors says for each type of entry which of its texts people wrote.
var editors = map[string]editor{
	chat.TypeText:    texts(func(c *wire.TextContent, each func(...*string)) { each(&c.Text) }),
	chat.TypeEdit:    texts(func(c *wire.EditContent, each func(...*string)) { each(&c.Text) }),
	chat.TypePicture: texts(ofMedia),
	chat.TypeVoice:   texts(ofMedia),
	chat.TypeVideo:   texts(ofMedia),
	chat.TypeFile:    texts(ofMedia),
	chat.TypeResume: texts(func(c *wire.ResumeContent, each func(...*string)) {
		d := &c.Card
		each(&c.Name, &d.Title, &d.City, &d.Education, &d.Salary, &d.Summary)
		each(pointers(d.Skills)...)
	}),
	chat.TypeJob: texts(func(c *wire.JobContent, each func(...*string)) {
		each(&c.Job, &c.Title, &c.Company, &c.City, &c.Salary)
		each(pointers(c.Tags)...)
	}),
	chat.TypeAppointment: texts(func(c *wire.AppointmentContent, each func(...*string)) { each(&c.Note) }),
}

func ofMedia(c *wire.MediaContent, each func(...*string)) { each(&c.Text, &c.Name) }

func pointers(list []string) []*string {
	all := make([]*string, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

func texts[T any](visit func(c *T, each func(...*string))) editor {
	return func(raw json.RawMessage, f func(string) string) (json.RawMessage, error) {
		var c T
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, errors.New("moderation: a content that is not in the form of its type") // the cause may quote it
		}
		changed := false
		visit(&c, func(all ...*string) {
			for _, text := range all {
				if *text == "" {
					continue
				}
				if now := f(*text); now != *text {
					*text, changed = now, true
				}
			}
		})
		if !changed {
			return nil, nil
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			return nil, fmt.Errorf("encode masked content: %w", err)
		}
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
	}
}

// plainText is the text of a content that holds nothing else and no escapes: most that people write, and reading it so costs a tenth.
func plainText(raw json.RawMessage) (string, bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(`{"text":"`))
	text, closed := bytes.CutSuffix(rest, []byte(`"}`))
	if !ok || !closed || bytes.IndexByte(text, '"') >= 0 || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
		return "", false
	}
	return string(text), true
}
