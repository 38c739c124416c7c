package people

import (
	"crypto/rand"
	"encoding/json"
	"reflect"
	"testing"

	"parley/signal/wire"
	"parley/storage/keys"
)

// FuzzSettings sets whatever a client may send: what is accepted is within the bounds, is accepted as it is the next time, and
// can be stored and read back.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{`{}`, `{"quiet":{"from":"22:00","to":"08:00","zone":"Asia/Shanghai"}}`, `{"hide":{"companies":["c","b","c"]}}`,
		`{"notices":{"marketing":["sms","sms"]},"reminders":["push"],"greetings":["a\nb"],"replies":null}`, `{"quiet":{"zone":"../x"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var set wire.SettingsSet
		if json.Unmarshal(raw, &set) != nil {
			return
		}
		once, err := checked(set)
		if err != nil {
			return
		}
		twice, err := checked(once)
		if err != nil || !reflect.DeepEqual(applied(once), applied(twice)) {
			t.Fatalf("%+v is %+v the second time, %v", applied(once), applied(twice), err)
		}
		stored, err := json.Marshal(document{Set: once})
		var back document
		if err != nil || json.Unmarshal(stored, &back) != nil || !reflect.DeepEqual(applied(back.Set), applied(once)) {
			t.Fatalf("%+v is read back as %+v, %v", applied(once), applied(back.Set), err)
		}
		s := applied(once)
		if len(s.Hide.Companies) > MaxList || len(s.Greetings) > MaxList || len(s.Replies) > MaxList || len(s.Reminders) > 3 || len(stored) > 64<<10 {
			t.Fatalf("beyond the bounds: %+v", s)
		}
	})
}

// FuzzDocument opens what a fuzzer makes of a sealed document: nothing but what was sealed.
func FuzzDocument(f *testing.F) {
	var k keys.Key
	rand.Read(k[:]) // another in each process of the fuzzer, so that none is given what another sealed
	a, err := k.AEAD()
	if err != nil {
		f.Fatal(err)
	}
	whole := a.Seal([]byte{formSealed}, nil, []byte(`{"set":{}}`), place(3))
	f.Add(whole, uint64(2))
	f.Add(whole[:len(whole)-1], uint64(3))
	f.Add([]byte{2}, uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, version uint64) {
		if len(b) == 0 || string(b) == string(whole) && version == 3 {
			return
		}
		if d, err := opened(a, Row{Version: version, Sealed: b}); err == nil {
			t.Errorf("%x at version %d is opened as %v", b, version, d)
		}
	})
}
