package exchange_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/db"
)

// finds says which of the values stand in a text.
func finds(text string, values ...string) (found []string) {
	for _, v := range values {
		if strings.Contains(text, v) {
			found = append(found, v)
		}
	}
	return found
}

// T2, T3, T5, T6, A4: what is exchanged stands neither in the log nor in the database, in a log line or in an error; and a resume
// before the answer stands nowhere at all.
func TestWhatIsExchangedStandsNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	d, err := db.OpenSQLite(t.Context(), path)
	w := startOver(t, chatOf(t, d, err), two)
	contacts := []string{annsWeChat, robsWeChat, "17000000001", "13800138000"}
	private := append([]string{"六年经验", "后端工程师", "欧阳晓雯", "晓雯", "pdf", file}, contacts...)
	told := live(w)
	var seen strings.Builder
	for _, p := range two {
		b, err := json.Marshal(w.Log(p, w.id))
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(b)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var disk strings.Builder
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		disk.Write(b)
	}
	for _, c := range []struct{ where, text, control string }{
		{"what the store was given", string(w.tap.bytes()), "exchange/request/"},
		{"the database's file", disk.String(), "exchange/request/"},
		{"the server's log", w.logs.String(), string(w.id)},
		{"the errors", told, "bad_request"},
		{"the entries", seen.String(), "requested"},
	} {
		values := private
		if c.where == "the entries" { // the accepted resume is there to be seen
			values = contacts
		}
		if found := finds(c.text, values...); len(found) > 0 {
			t.Errorf("%s hold %q", c.where, found)
		}
		planted := c.text + annsWeChat
		if finds(c.text, c.control) == nil || finds(planted, annsWeChat) == nil {
			t.Errorf("the search finds nothing in %s, which hold %d bytes", c.where, len(c.text))
		}
	}
}

// live goes through everything that can be done and fail with values in hand, and returns all errors.
func live(w *world) string {
	var told strings.Builder
	try := func(_ wire.ExchangeState, err error) { fmt.Fprintln(&told, err) }
	chats := w.deal(rob, ann, askWeChat, giveWeChat)
	w.reads(rob, chats, annsWeChat)
	try(w.As(ann).accept(chats, giveWeChat))
	try(w.As(ann).request(wire.ExchangeRequest{What: "wechat", Value: annsWeChat}))
	try(w.As(ann).request(wire.ExchangeRequest{What: "wechat", Value: "13800138000"}))
	try(w.As(ann).request(wire.ExchangeRequest{What: "phone", Value: "13800138000"}))
	phones := w.deal(ann, rob, askPhone, wire.ExchangeAnswer{})
	w.reads(ann, phones, "17000000001")
	w.numbers.fail = errors.New("provider: 13800138000 and 17000000001 are not bound")
	_, err := w.As(ann).read(phones)
	fmt.Fprintln(&told, err)
	w.is("withdrawn")(w.As(rob).withdraw(phones))
	open := w.is("requested")(w.As(rob).request(askPhone)).Exchange
	try(w.As(ann).accept(open, wire.ExchangeAnswer{}))
	w.deal(rob, ann, askResume, giveResume)
	offer := w.is("requested")(w.As(ann).request(offerResume)).Exchange
	try(w.As(rob).accept(offer, offerAnswer()))
	w.is("withdrawn")(w.As(ann).withdraw(chats))
	_, err = w.As(rob).read(chats)
	fmt.Fprintln(&told, err)
	w.Store.Next(1)
	try(w.As(ann).request(wire.ExchangeRequest{What: "wechat", Value: annsWeChat}))
	return told.String()
}

// offerAnswer is what nobody can accept an offer with.
func offerAnswer() wire.ExchangeAnswer { return wire.ExchangeAnswer{Value: annsWeChat, Card: card()} }

// T6 from the headhunter's seat: whatever is tried, by either side, no contact, no file, no name gets through.
func TestAHeadhunterGetsNoContactWhateverIsTried(t *testing.T) {
	w := start(t, hunt)
	for _, who := range []identity.Principal{hana, ann} {
		for _, f := range []wire.ExchangeRequest{
			{What: "wechat", Value: annsWeChat}, {What: "phone", Value: "13812345678"}, {What: "resume", Value: "13812345678"},
		} {
			if _, err := w.As(who).request(f); err == nil || finds(err.Error(), annsWeChat, "13812345678") != nil {
				t.Errorf("%s asks for %s: %v", who.Role, f.What, err)
			}
		}
	}
	id := w.deal(hana, ann, askResume, giveResume)
	w.deal(ann, hana, askPhone, wire.ExchangeAnswer{})
	b, err := json.Marshal(w.Log(hana, w.id))
	if err != nil {
		t.Fatal(err)
	}
	if found := finds(string(b), annsWeChat, "13812345678", file, "pdf", "晓雯", "17000000001"); found != nil {
		t.Errorf("the headhunter sees %q", found)
	}
	if found := finds(string(b), card().Title); found == nil {
		t.Error("the headhunter does not even see the card")
	}
	w.is("withdrawn")(w.As(ann).withdraw(id))
	if _, err := w.As(hana).read(id); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
}

// T4: whoever the other side hides from or blocks gets no number to call, though both had agreed; the same refusal as for a
// message.
func TestWhoMayNotWriteMayNotCall(t *testing.T) {
	w := start(t, two)
	phones := w.deal(rob, ann, askPhone, wire.ExchangeAnswer{})
	w.reads(rob, phones, "17000000001")
	w.numbers.on = func() { t.Error("a number was asked for") }
	w.gate.do = func(a chat.Attempt) (json.RawMessage, error) {
		if a.By.User == rob.User {
			return nil, policy.ErrClosed
		}
		return nil, nil
	}
	if v, err := w.As(rob).read(phones); !errors.Is(err, policy.ErrClosed) || v.Value != "" {
		t.Errorf("the recruiter reads %q, %v; want closed", v.Value, err)
	}
	w.numbers.on = nil
	w.reads(ann, phones, "17000000001")
}
