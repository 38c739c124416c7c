package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/bus/local"
)

func entryPush(conversation string, seq uint64, size int) push {
	return push{kind: "chat.entry", line: []byte(strings.Repeat("e", size)), conversation: conversation, seq: seq}
}

func TestEveryKindOfAClientHasAHandler(t *testing.T) {
	for _, k := range wire.Kinds() {
		handled, begun := handlers[k] != nil, pipelined[k] != nil
		if client := k.Sender()&wire.Client != 0; (handled || begun) != client || handled && begun {
			t.Errorf("%s: handler %v, pipelined %v, sender %d", k, handled, begun, k.Sender())
		}
	}
}

func TestAnOutboxGivesWhatFitsOneMessageInOrder(t *testing.T) {
	o := newOutbox(1<<20, func() {})
	for seq := uint64(1); seq <= 100; seq++ {
		if !o.put(entryPush("c", seq, 10)) {
			t.Fatal("dropped")
		}
	}
	first := o.take()
	if len(first.pushes) != wire.MaxFrames || !first.more || first.pushes[0].seq != 1 {
		t.Errorf("got %d, more %v", len(first.pushes), first.more)
	}
	if rest := o.take(); len(rest.pushes) != 36 || rest.more || rest.pushes[35].seq != 100 {
		t.Errorf("got %d, more %v", len(rest.pushes), rest.more)
	}
	o.put(entryPush("c", 101, messageBytes))
	o.put(entryPush("c", 102, 1))
	if l := o.take(); len(l.pushes) != 1 || !l.more {
		t.Errorf("a large frame came with %d others", len(l.pushes)-1)
	}
}

func TestAFullOutboxKeepsWhatMayNotBeDropped(t *testing.T) {
	o := newOutbox(100, func() {})
	o.put(push{kind: "rtc.offer", line: make([]byte, 40)})
	o.put(entryPush("a", 5, 30))
	o.put(push{kind: "chat.cursor", line: make([]byte, 20), conversation: "b"})
	if o.put(entryPush("a", 6, 30)) {
		t.Error("more fitted than there is room for")
	}
	if !o.put(entryPush("a", 7, 30)) || !o.put(entryPush("c", 1, 30)) {
		t.Error("there is room again, or the conversation is dirty already")
	}
	l := o.take()
	if len(l.pushes) != 2 || l.pushes[0].kind != "rtc.offer" || l.pushes[1].conversation != "c" {
		t.Errorf("kept %v", l.pushes)
	}
	if l.dirty["a"] != 7 || len(l.dirty) != 1 {
		t.Errorf("dirty %v", l.dirty)
	}
	if _, ok := l.changed["b"]; !ok {
		t.Errorf("the dropped cursor left no mark: %v", l.changed)
	}
	if o.bytes != 0 || o.ended() != nil {
		t.Errorf("%d bytes left, ending %v", o.bytes, o.ended())
	}
}

func TestAnOutboxThatOnlyHoldsWhatMayNotBeDroppedEndsTheSession(t *testing.T) {
	o := newOutbox(100, func() {})
	for range 3 {
		o.put(push{kind: "rtc.candidate", line: make([]byte, 40)})
	}
	if e := o.ended(); e == nil || e.code != wire.CloseStalled {
		t.Errorf("got %v", e)
	}
	o.end(revoked())
	if e := o.ended(); e.reason != "stalled" {
		t.Errorf("a later reason replaced the first: %v", e)
	}
}

func TestMarksAreTakenOnce(t *testing.T) {
	woken := 0
	o := newOutbox(100, func() { woken++ })
	o.change("c")
	o.change("c")
	o.interview("i")
	o.stir()
	o.doubt()
	if woken != 5 {
		t.Errorf("woken %d times for five things", woken)
	}
	l := o.take()
	if len(l.changed) != 1 || len(l.interviews) != 1 || !l.stirred || !l.doubt || l.empty() {
		t.Errorf("got %+v", l)
	}
	if l := o.take(); !l.empty() {
		t.Errorf("taken twice: %+v", l)
	}
}

func TestAHintThatSomebodyTypesLeavesNoMark(t *testing.T) {
	o := newOutbox(100, func() {})
	o.put(push{kind: "chat.typing", line: make([]byte, 90), conversation: "c", typist: "u"})
	o.put(push{kind: "rtc.offer", line: make([]byte, 90)})
	if l := o.take(); len(l.pushes) != 1 || l.pushes[0].kind != "rtc.offer" || len(l.changed)+len(l.dirty) > 0 {
		t.Errorf("got %+v", l)
	}
}

func TestTheRegistryKnowsWhoIsIn(t *testing.T) {
	r := registry{users: map[identity.UserID][]*session{}}
	a, b, c := &session{who: "u"}, &session{who: "u"}, &session{who: "u"}
	for i, s := range []*session{a, b} {
		if oldest, first := r.add(s, 2); oldest != nil || first != (i == 0) {
			t.Errorf("session %d: %v gave way, first %v", i, oldest, first)
		}
	}
	held := r.of("u")
	if oldest, first := r.add(c, 2); oldest != a || first {
		t.Errorf("%v gave way, first %v", oldest, first)
	}
	r.remove(a)
	if !slices.Equal(held, []*session{a, b}) || !slices.Equal(r.of("u"), []*session{b, c}) || r.count() != 2 {
		t.Errorf("held %v, now %v", held, r.of("u"))
	}
	if r.remove(b) || !r.remove(c) || !r.remove(c) {
		t.Error("it does not know which is the last")
	}
	if r.count() != 0 || len(r.users) != 0 || len(r.all()) != 0 {
		t.Errorf("%d left", r.count())
	}
}

// idle is an opened session without a connection, of a gateway without neighbours.
func idle() *session {
	g := New(Config{Bus: local.New(local.Config{}), Node: "n"})
	s := newSession(g, nil, nil)
	s.opened, s.nextPing = true, time.Now().Add(time.Hour)
	s.p = identity.Principal{Expires: s.nextPing}
	s.role.begin() // the test owns it
	s.ctx = g.base
	return s
}

func TestWhatIsThereGoesOutWithTheAnswer(t *testing.T) {
	s := idle()
	s.marks.set("c", position{pushed: 1})
	if did, err := s.turn(); did || err != nil || s.frames != 0 {
		t.Errorf("%d frames when there is nothing, %v, %v", s.frames, did, err)
	}
	s.lines = [][]byte{[]byte(`{"kind":"ping","ref":"1"}`)}
	s.box.put(entryPush("c", 2, 10))
	if did, err := s.turn(); !did || err != nil || s.frames != 2 || !strings.HasSuffix(string(s.out), "\n"+strings.Repeat("e", 10)) {
		t.Errorf("%d frames, %v: %s", s.frames, err, s.out)
	}
	if m, _ := s.marks.get("c"); m.pushed != 2 {
		t.Errorf("pushed up to %d", m.pushed)
	}
	if did, err := s.turn(); did || err != nil || s.frames != 2 {
		t.Errorf("%d frames when there is nothing more, %v, %v", s.frames, did, err)
	}
}
