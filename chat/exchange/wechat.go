package exchange

import (
	"log/slog"
	"regexp"
	"strings"
)

// secret is what somebody gives. It shows nothing of itself in logs and errors.
type secret string

// String shows nothing.
func (secret) String() string { return "(secret)" }

// GoString shows nothing.
func (secret) GoString() string { return "(secret)" }

// LogValue shows nothing.
func (secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

var (
	weChatID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{5,19}$`)
	// number is a Chinese mobile or long-distance landline number.
	number = regexp.MustCompile(`1[3-9][0-9]{9}|0[1-9][0-9]{8,10}`)
	spacer = strings.NewReplacer("-", "", "_", "")
)

// checkWeChat accepts a WeChat id that neither is nor holds a phone number (T3: the real phone never).
func checkWeChat(id string) error {
	if !weChatID.MatchString(id) || number.MatchString(spacer.Replace(id)) {
		return errWeChat
	}
	return nil
}
