package crowd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"parley/chat/crowd"
	"parley/chat/crowd/crowdtest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	platform = identity.Principal{User: "platform", Role: identity.Service}
	ann      = identity.Principal{User: "u-ann", Role: identity.Candidate}
	rob      = identity.Principal{User: "u-rob", Role: identity.Recruiter}
	vic      = identity.Principal{User: "u-vic", Role: identity.Viewer}
)

// sealer marks what it sealed, so that a test sees what was not.
type sealer struct{}

func (sealer) SealIn(_ context.Context, room crowd.RoomID, user identity.UserID, label string, plain []byte) ([]byte, error) {
	return []byte("sealed " + string(room) + string(user) + label + "\n" + string(plain)), nil
}

func (sealer) OpenIn(_ context.Context, room crowd.RoomID, user identity.UserID, label string, sealed []byte) ([]byte, error) {
	head, plain, _ := strings.Cut(string(sealed), "\n")
	if head != "sealed "+string(room)+string(user)+label {
		return nil, errors.New("sealed for something else")
	}
	if strings.Contains(plain, "erased") {
		return nil, policy.ErrGone
	}
	return []byte(plain), nil
}

// wires joins the services of several nodes; a message is lost while cut is set.
type wires struct {
	all []*crowd.Service
	cut bool
}

func (w *wires) Crowd(b []byte) {
	for _, s := range w.all {
		if !w.cut {
			_ = s.Receive(b)
		}
	}
}

// hall is nodes over one store, running until the test ends.
type hall struct {
	*testing.T
	store *crowdtest.Memory
	wires *wires
	nodes []*crowd.Service
	room  crowd.RoomID
}

func open(t *testing.T, nodes int) *hall {
	h := &hall{T: t, store: &crowdtest.Memory{}, wires: &wires{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i := range nodes {
		s := crowd.New(crowd.Config{Store: h.store, Sealer: sealer{}, Bus: h.wires, Node: fmt.Sprint("node ", i), Gate: gate{}})
		h.nodes = append(h.nodes, s)
		running.Go(func() { _ = s.Run(ctx) })
	}
	h.wires.all = h.nodes
	synctest.Wait()
	r, err := h.nodes[0].Open(ctx, platform, "stream-1", "春季招聘", 0)
	if err != nil {
		t.Fatal(err)
	}
	h.room = r.ID
	t.Cleanup(func() { cancel(); running.Wait() })
	return h
}

type gate struct{}

func (gate) AdmitCrowd(_ context.Context, p identity.Principal, _ string, c json.RawMessage) (json.RawMessage, error) {
	switch {
	case p.User == "u-banned":
		return nil, policy.ErrMuted
	case strings.Contains(string(c), "forbidden"):
		return nil, policy.ErrContent
	case strings.Contains(string(c), "13800138000"):
		return json.RawMessage(`{"text":"***"}`), nil
	}
	return nil, nil
}

// seat is somebody in the room.
type seat struct {
	mu     sync.Mutex
	frames []wire.CrowdFrame
	states []wire.CrowdState
}

func (s *seat) Frame(line []byte) {
	f, err := wire.DecodeFrom(wire.Server, line)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, f.Body.(wire.CrowdFrame))
}

func (s *seat) State(st wire.CrowdState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, st)
}

// heard is what the frames showed, and how much they left out.
func (s *seat) heard() (texts []string, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		dropped += f.Dropped
		for _, e := range f.Entries {
			texts = append(texts, fmt.Sprint(e.Seq, " ", e.Name, " ", string(e.Content)))
		}
	}
	return texts, dropped
}

func (h *hall) sit(node int, p identity.Principal) (*seat, wire.CrowdState) {
	h.Helper()
	s := &seat{}
	st, err := h.nodes[node].Join(h.Context(), p, h.room, s)
	if err != nil {
		h.Fatal(err)
	}
	return s, st
}

func says(room crowd.RoomID, text string) wire.CrowdSay {
	c, _ := json.Marshal(wire.TextContent{Text: text})
	return wire.CrowdSay{Room: string(room), CID: uuid.Must(uuid.NewV7()).String(), Type: crowd.TypeText, Content: c}
}

func (h *hall) say(node int, p identity.Principal, f wire.CrowdSay) (wire.CrowdAck, error) {
	wait, err := h.nodes[node].Say(h.Context(), p, f)
	if err != nil {
		return wire.CrowdAck{}, err
	}
	return wait(h.Context())
}

func TestWhatIsSaidIsKeptAndShownToAllOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 2)
		here, _ := h.sit(0, vic)
		there, _ := h.sit(1, ann)
		if ack, err := h.say(0, rob, says(h.room, "hello")); err != nil || ack.Seq != 1 || ack.Dup {
			t.Fatalf("ack %+v, %v", ack, err)
		}
		bubble.Pass(2 * crowd.Beat)
		for _, s := range []*seat{here, there} {
			if got, dropped := s.heard(); len(got) != 1 || got[0] != `1  {"text":"hello"}` || dropped != 0 {
				t.Errorf("heard %q, %d dropped", got, dropped)
			}
		}
		log, err := h.store.Read(t.Context(), h.room, 0, 10)
		if err != nil || len(log) != 1 || !strings.HasPrefix(string(log[0].Sealed), "sealed ") {
			t.Errorf("the log has %+v, %v", log, err)
		}
	})
}

func TestARepeatIsNotSaidTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 2)
		s, _ := h.sit(0, vic)
		f := says(h.room, "hello")
		for i := range 4 {
			if ack, err := h.say(i%2, rob, f); err != nil || ack.Seq != 1 || ack.Dup != (i > 0) {
				t.Fatalf("ack %+v, %v", ack, err)
			}
			bubble.Pass(time.Second)
		}
		if got, _ := s.heard(); len(got) != 1 {
			t.Errorf("heard %q", got)
		}
	})
}

func TestACommitThatFailsWithEffectIsNotLostNorDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		for _, effect := range []bool{false, true} {
			f := says(h.room, "hello")
			h.store.Fault = func(after bool) error {
				if after == effect {
					return errors.New("lost")
				}
				return nil
			}
			if _, err := h.say(0, rob, f); !errors.Is(err, policy.ErrUnavailable) {
				t.Errorf("failed with effect %v: %v", effect, err)
			}
			h.store.Fault = nil
			bubble.Pass(time.Second)
			if ack, err := h.say(0, rob, f); err != nil || ack.Dup != effect {
				t.Errorf("again after effect %v: %+v, %v", effect, ack, err)
			}
			bubble.Pass(time.Second)
		}
		if log, _ := h.store.Read(t.Context(), h.room, 0, 10); len(log) != 2 {
			t.Errorf("%d entries, want 2", len(log))
		}
	})
}

func TestWhatWasKeptInDoubtIsShownOnceAndAsItWasKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 2)
		here, _ := h.sit(0, vic)
		there, _ := h.sit(1, ann)
		f := says(h.room, "as it was kept")
		h.store.Fault = func(after bool) error {
			if after {
				return errors.New("the answer is lost")
			}
			return nil
		}
		if _, err := h.say(0, rob, f); !errors.Is(err, policy.ErrUnavailable) {
			t.Fatalf("the answer was lost: %v", err)
		}
		h.store.Fault = nil
		f.Content = says(h.room, "something else").Content
		for range 3 {
			bubble.Pass(time.Second)
			if ack, err := h.say(0, rob, f); err != nil || ack.Seq != 1 || !ack.Dup {
				t.Fatalf("again: %+v, %v", ack, err)
			}
		}
		bubble.Pass(time.Second)
		for _, s := range []*seat{here, there} {
			if got, _ := s.heard(); len(got) != 1 || got[0] != `1  {"text":"as it was kept"}` {
				t.Errorf("heard %q", got)
			}
		}
	})
}

func TestWhatIsBeingStoredWhenTheServerStopsIsStoredAndAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowly{&crowdtest.Memory{}}
		s := crowd.New(crowd.Config{Store: slow, Sealer: sealer{}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		r, err := s.Open(t.Context(), platform, "stream-1", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		wait, err := s.Say(t.Context(), rob, says(r.ID, "hello"))
		if err != nil {
			t.Fatal(err)
		}
		bubble.Pass(crowd.Beat + time.Second) // it is being stored
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if ack, err := wait(t.Context()); err != nil || ack.Seq != 1 {
			t.Errorf("ack %+v, %v", ack, err)
		}
	})
}

func TestWhoLeavesDoesNotWaitForAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &away{Memory: &crowdtest.Memory{}}
		s := crowd.New(crowd.Config{Store: store, Sealer: sealer{}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		r, err := s.Open(t.Context(), platform, "stream-1", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		seats := make([]*seat, 2000)
		for i := range seats {
			seats[i] = &seat{}
			if _, err := s.Join(t.Context(), vic, r.ID, seats[i]); err != nil {
				t.Fatal(err)
			}
		}
		store.gone.Store(true)
		bubble.Pass(6 * time.Second) // the room looks for its rules
		began := time.Now()
		for _, one := range seats {
			s.Leave(r.ID, one)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("leaving took %v", took)
		}
		store.gone.Store(false)
		bubble.Pass(20 * time.Second)
		if _, err := s.Join(t.Context(), vic, r.ID, &seat{}); err != nil {
			t.Fatal(err)
		}
		if st, err := s.Join(t.Context(), vic, r.ID, &seat{}); err != nil || st.People != 2 {
			t.Errorf("%d people, %v; want 2", st.People, err)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// away is a store that does not answer while it is gone.
type away struct {
	*crowdtest.Memory
	gone atomic.Bool
}

func (a *away) Load(ctx context.Context, id crowd.RoomID) (crowd.Room, error) {
	if a.gone.Load() {
		<-ctx.Done()
		return crowd.Room{}, ctx.Err()
	}
	return a.Memory.Load(ctx, id)
}

// slowly is a store whose commits take a while, and fail when nobody waits for them.
type slowly struct{ *crowdtest.Memory }

func (s slowly) Append(ctx context.Context, id crowd.RoomID, rows []crowd.Row) ([]crowd.Placed, error) {
	select {
	case <-time.After(3 * time.Second):
		return s.Memory.Append(ctx, id, rows)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestAFrameHasRoomForHostsFirstThenTextsThenLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		s, _ := h.sit(0, vic)
		if err := h.nodes[0].SetPerson(t.Context(), platform, h.room, crowd.NewPerson{User: rob.User, FamilyName: "王", GivenName: "敏", Host: true}); err != nil {
			t.Fatal(err)
		}
		var waits []func(context.Context) (wire.CrowdAck, error)
		add := func(p identity.Principal, f wire.CrowdSay) {
			wait, err := h.nodes[0].Say(t.Context(), p, f)
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, wait)
		}
		for i := range 30 {
			somebody := identity.Principal{User: identity.UserID(fmt.Sprint("u", i)), Role: identity.Candidate}
			add(somebody, wire.CrowdSay{Room: string(h.room), CID: uuid.Must(uuid.NewV7()).String(), Type: crowd.TypeLike})
			add(somebody, says(h.room, "text"))
		}
		add(rob, says(h.room, "the host"))
		for _, wait := range waits {
			if _, err := wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Pass(2 * crowd.Beat)
		got, dropped := s.heard()
		if all := strings.Join(got, "\n"); len(got) != crowd.MaxShown || dropped != 61-crowd.MaxShown ||
			strings.Count(all, `"text":"text"`) != 30 || !strings.Contains(all, `61 王敏 {"text":"the host"}`) {
			t.Errorf("%d shown, %d dropped:\n%s", len(got), dropped, all)
		}
		if log, _ := h.store.Read(t.Context(), h.room, 0, 100); len(log) != 61 {
			t.Errorf("%d kept, want 61 (E3)", len(log))
		}
	})
}

func TestNamesAreMaskedButForHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		s, _ := h.sit(0, rob)
		for _, p := range []crowd.NewPerson{{User: ann.User, FamilyName: "李", GivenName: "晓明"}, {User: rob.User, FamilyName: "王", GivenName: "敏", Host: true}} {
			if err := h.nodes[0].SetPerson(t.Context(), platform, h.room, p); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range []identity.Principal{ann, rob} {
			if _, err := h.say(0, p, says(h.room, "hi")); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Pass(time.Second)
		got, _ := s.heard()
		if want := `1 李** {"text":"hi"}` + "\n" + `2 王敏 {"text":"hi"}`; strings.Join(got, "\n") != want {
			t.Errorf("shown %q", got)
		}
		_, state := h.sit(0, vic)
		if len(state.Recent) != 2 || state.Recent[0].Name != "李**" {
			t.Errorf("a late joiner gets %+v", state.Recent)
		}
	})
}

func TestWhoMaySayWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		long := says(h.room, strings.Repeat("x", crowd.MaxText+1))
		bad := says(h.room, "hi")
		bad.CID = "1"
		other := says(h.room, "hi")
		other.Type = crowd.TypeSystem
		for what, c := range map[string]struct {
			p    identity.Principal
			f    wire.CrowdSay
			want error
		}{
			"a viewer":       {vic, says(h.room, "hi"), policy.ErrForbidden}, // R6: nothing is kept about them
			"nobody":         {identity.Principal{}, says(h.room, "hi"), policy.ErrUnauthenticated},
			"nowhere":        {ann, says("0195794e-8f10-7c3a-9d42-6f1f5a3b2c01", "hi"), policy.ErrNotFound},
			"too long":       {ann, long, policy.ErrTooLarge},
			"empty":          {ann, says(h.room, " "), policy.ErrBadRequest},
			"no cid":         {ann, bad, policy.ErrBadRequest},
			"as the system":  {ann, other, policy.ErrBadRequest},
			"what is banned": {ann, says(h.room, "forbidden"), policy.ErrContent},
			"a like of one who is banned": {
				identity.Principal{User: "u-banned", Role: identity.Candidate},
				wire.CrowdSay{Room: string(h.room), CID: says(h.room, "x").CID, Type: crowd.TypeLike, Content: json.RawMessage(`{}`)}, policy.ErrMuted,
			},
		} {
			if _, err := h.say(0, c.p, c.f); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		}
		if log, _ := h.store.Read(t.Context(), h.room, 0, 10); len(log) != 0 {
			t.Errorf("kept %+v", log)
		}
	})
}

func TestSlowModeMutesAndClosingHoldOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 2)
		s, _ := h.sit(1, ann)
		slow := 10 * time.Second
		if _, err := h.nodes[0].Change(t.Context(), platform, h.room, &slow, false); err != nil {
			t.Fatal(err)
		}
		bubble.Pass(time.Second)
		if len(s.states) != 1 || s.states[0].Slow != 10 || !s.states[0].Open {
			t.Errorf("told %+v", s.states)
		}
		if _, err := h.say(1, ann, says(h.room, "one")); err != nil {
			t.Fatal(err)
		}
		_, err := h.say(1, ann, says(h.room, "two"))
		if r, ok := errors.AsType[*policy.Refusal](err); !ok || r.ID != "rate_limited" || r.RetryAfter <= 9*time.Second {
			t.Errorf("too fast: %v", err)
		}
		bubble.Pass(slow)
		if _, err := h.say(1, ann, says(h.room, "two")); err != nil {
			t.Error(err)
		}
		if err := h.nodes[0].SetPerson(t.Context(), platform, h.room, crowd.NewPerson{User: ann.User, MutedUntil: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		bubble.Pass(slow)
		if _, err := h.say(1, ann, says(h.room, "three")); !errors.Is(err, policy.ErrMuted) {
			t.Errorf("muted: %v", err)
		}
		h.wires.cut = true // the hint is lost
		if _, err := h.nodes[0].Change(t.Context(), platform, h.room, nil, true); err != nil {
			t.Fatal(err)
		}
		bubble.Pass(6 * time.Second)
		if _, err := h.say(1, rob, says(h.room, "late")); !errors.Is(err, policy.ErrGone) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestAnErasedSenderLeavesTheRoomWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		for _, text := range []string{"one", "erased", "three"} {
			if _, err := h.say(0, rob, says(h.room, text)); err != nil {
				t.Fatal(err)
			}
			bubble.Pass(time.Second)
		}
		bubble.Pass(3 * time.Minute) // the room sleeps, and its ring is read anew
		_, st := h.sit(0, vic)
		if len(st.Recent) != 2 || st.Recent[1].Seq != 3 {
			t.Errorf("recent %+v", st.Recent)
		}
	})
}

func TestPeopleOfAllNodesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 2)
		first, _ := h.sit(0, vic)
		h.sit(1, ann)
		h.sit(1, rob)
		bubble.Pass(12 * time.Second)
		if _, st := h.sit(0, vic); st.People != 4 {
			t.Errorf("%d people, want 4", st.People)
		}
		h.nodes[0].Leave(h.room, first)
		bubble.Pass(time.Second)
		if _, st := h.sit(0, vic); st.People != 4 {
			t.Errorf("%d people after one left and one came, want 4", st.People)
		}
	})
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"node":"a","room":"r","frame":{"kind":"crowd.frame","body":{"room":"r","entries":[]}}}`))
	f.Add([]byte(`{"node":"a","room":"r","people":3}`))
	s := crowd.New(crowd.Config{Store: &crowdtest.Memory{}, Sealer: sealer{}})
	f.Fuzz(func(t *testing.T, b []byte) { _ = s.Receive(b) })
}
