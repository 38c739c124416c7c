package people

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, wherever the program runs
	"unicode"
	"unicode/utf8"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Limits of what people set.
const (
	MaxList = 20  // companies, greetings and replies, each
	MaxText = 500 // bytes of a greeting or reply
)

// What may be switched (T10): service notices always come and are not among the classes.
var (
	classes  = []string{"marketing", "recommendation"}
	channels = []string{"push", "sms", "mail"}
)

// checked is f in canonical form, or what is wrong with it.
func checked(f wire.SettingsSet) (wire.SettingsSet, error) {
	checks := []func(*wire.SettingsSet) error{checkHide, checkNotices, checkReminders, checkQuiet,
		func(f *wire.SettingsSet) error { return checkTemplates(f.Greetings) },
		func(f *wire.SettingsSet) error { return checkTemplates(f.Replies) }}
	for _, check := range checks {
		if err := check(&f); err != nil {
			return wire.SettingsSet{}, err
		}
	}
	return f, nil
}

func checkHide(f *wire.SettingsSet) error {
	if f.Hide == nil {
		return nil
	}
	h := *f.Hide
	h.Companies = slices.Compact(slices.Sorted(slices.Values(h.Companies)))
	if len(h.Companies) > MaxList {
		return policy.ErrTooLarge.With("You can hide from at most 20 companies.", "最多可对20家公司隐藏。")
	}
	if slices.ContainsFunc(h.Companies, func(c string) bool { return !plain(c, identity.MaxUserID) }) {
		return policy.ErrBadRequest.With("A company's id is empty, too long or not printable.", "公司标识无效。")
	}
	f.Hide = &h
	return nil
}

func checkNotices(f *wire.SettingsSet) error {
	if f.Notices == nil {
		return nil
	}
	out := map[string][]string{}
	for class, on := range *f.Notices {
		if class == "service" {
			return policy.ErrBadRequest.With("Service notices can't be switched.", "服务类通知不能关闭。")
		}
		if !slices.Contains(classes, class) {
			return errNotices
		}
		on, ok := distinct(on)
		if !ok {
			return errNotices
		}
		if len(on) > 0 {
			out[class] = on
		}
	}
	f.Notices = &out
	return nil
}

var errNotices = policy.ErrBadRequest.With("There is no such class or channel of notices.", "通知类别或渠道无效。")

func checkReminders(f *wire.SettingsSet) error {
	if f.Reminders == nil {
		return nil
	}
	on, ok := distinct(*f.Reminders)
	if !ok {
		return errNotices
	}
	f.Reminders = &on
	return nil
}

// distinct is the channels without repeats, in their order; false if one is none.
func distinct(on []string) ([]string, bool) {
	out := []string{}
	for _, c := range on {
		if !slices.Contains(channels, c) {
			return nil, false
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out, true
}

var errQuiet = policy.ErrBadRequest.With("Quiet hours are two different times like 22:00 and 08:00, or none, in a zone like Asia/Shanghai.",
	"免打扰时段须为两个不同的时间（如22:00至08:00）或留空，时区如Asia/Shanghai。")

func checkQuiet(f *wire.SettingsSet) error {
	if f.Quiet == nil {
		return nil
	}
	q := *f.Quiet
	if q.From == "" && q.To == "" {
		f.Quiet = &wire.Quiet{}
		return nil
	}
	if !clock(q.From) || !clock(q.To) || q.From == q.To || !zone(q.Zone) {
		return errQuiet
	}
	return nil
}

// clock says whether s is a time of the day as "08:00".
func clock(s string) bool {
	_, err := time.Parse("15:04", s)
	return err == nil && len(s) == len("15:04")
}

// zone says whether s names a zone of the IANA's database; empty is Asia/Shanghai.
func zone(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > 64 || s == "Local" || !strings.ContainsFunc(s, unicode.IsLetter) {
		return false
	}
	_, err := time.LoadLocation(s)
	return err == nil
}

func checkTemplates(texts *[]string) error {
	if texts == nil {
		return nil
	}
	if *texts == nil {
		*texts = []string{}
	}
	if len(*texts) > MaxList {
		return policy.ErrTooLarge.With("Keep at most 20 templates of each kind.", "每类模板最多20条。")
	}
	for _, t := range *texts {
		if len(t) > MaxText {
			return policy.ErrTooLarge.With("A template is too long.", "模板内容过长。")
		}
		if !plain(strings.ReplaceAll(t, "\n", " "), MaxText) || strings.TrimSpace(t) == "" {
			return policy.ErrBadRequest.With("A template is empty or not printable.", "模板内容为空或无效。")
		}
	}
	return nil
}

// plain says whether s is valid UTF-8 without control characters, not empty and at most so many bytes long.
func plain(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
