package gateway

import (
	"slices"
	"strings"
	"testing"

	"parley/internal/identity"
	"parley/signal/wire"
)

func entryPush(conversation string, seq uint64, size int) push {
	return push{kind: "chat.entry", line: []byte(strings.Repeat("e", size)), conversation: conversation, seq: seq}
}

func TestEveryKindOfAClientHasAHandler(t *testing.T) {
	for _, k := range wire.Kinds() {
		if _, ok := handlers[k]; ok != (k.Sender()&wire.Client != 0) {
			t.Errorf("%s: handler %v, sender %d", k, ok, k.Sender())
		}
	}
}

func TestAnOutboxGivesWhatFitsOneMessageInOrder(t *testing.T) {
	o := newOutbox(1 << 20)
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
	o := newOutbox(100)
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
	o := newOutbox(100)
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
	o := newOutbox(100)
	o.change("c")
	o.change("c")
	o.interview("i")
	<-o.wake
	l := o.take()
	if len(l.changed) != 1 || len(l.interviews) != 1 {
		t.Errorf("got %+v", l)
	}
	if l := o.take(); len(l.changed)+len(l.interviews)+len(l.dirty)+len(l.pushes) != 0 {
		t.Errorf("taken twice: %+v", l)
	}
	select {
	case <-o.wake:
		t.Error("woken twice for what was there at once")
	default:
	}
}

func TestTheRegistryKnowsWhoIsIn(t *testing.T) {
	r := registry{users: map[identity.UserID][]*session{}}
	a, b, c := &session{who: "u"}, &session{who: "u"}, &session{who: "u"}
	if r.add(a, 2) != nil || r.add(b, 2) != nil {
		t.Error("one gave way too early")
	}
	held := r.of("u")
	if r.add(c, 2) != a {
		t.Error("the oldest did not give way")
	}
	r.remove(a)
	if !slices.Equal(held, []*session{a, b}) || !slices.Equal(r.of("u"), []*session{b, c}) || r.count() != 2 {
		t.Errorf("held %v, now %v", held, r.of("u"))
	}
	r.remove(b)
	r.remove(c)
	r.remove(c)
	if r.count() != 0 || len(r.users) != 0 || len(r.all()) != 0 {
		t.Errorf("%d left", r.count())
	}
}

func TestWhatIsThereGoesOutWithTheAnswer(t *testing.T) {
	g := &Gateway{metrics: newMetrics(nil)}
	s := &session{g: g, box: newOutbox(1 << 20), marks: map[string]position{"c": {pushed: 1}}}
	s.box.put(entryPush("c", 2, 10))
	if err := s.join(); err != nil || s.frames != 0 {
		t.Errorf("%d frames without an answer, %v", s.frames, err)
	}
	if err := s.send("1", wire.Done{}); err != nil {
		t.Fatal(err)
	}
	if err := s.join(); err != nil || s.frames != 2 || !strings.HasSuffix(string(s.out), "\n"+strings.Repeat("e", 10)) || s.marks["c"].pushed != 2 {
		t.Errorf("%d frames, %v: %s", s.frames, err, s.out)
	}
	if err := s.join(); err != nil || s.frames != 2 {
		t.Errorf("%d frames when there is nothing more, %v", s.frames, err)
	}
}
