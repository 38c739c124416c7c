package exchange_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// annsName is how the person sees Ann's name.
func (w *world) annsName(p identity.Principal) string {
	w.t.Helper()
	c, err := w.View(w.t.Context(), p, w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(c.Members, func(m wire.Member) bool { return m.User == string(ann.User) })
	return c.Members[i].Name
}

// T3: whoever asked, a recruiter gets card, file and full name once both agreed, and nothing of it before.
func TestAResumeReachesARecruiterOnceBothAgreed(t *testing.T) {
	for name, c := range map[string]struct {
		from, to identity.Principal
		f        wire.ExchangeRequest
		a        wire.ExchangeAnswer
	}{
		"invited": {rob, ann, askResume, giveResume},
		"offered": {ann, rob, offerResume, wire.ExchangeAnswer{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, two)
			s := w.is("requested")(w.As(c.from).request(c.f))
			w.hidden(s.Exchange, ann, rob)
			if all := w.resumes(rob); len(all) != 0 || w.annsName(rob) != "欧阳**" {
				t.Fatalf("before the answer: %d resumes, %s", len(all), w.annsName(rob))
			}
			w.is("accepted")(w.As(c.to).accept(s.Exchange, c.a))
			w.told(s.Exchange, "requested "+string(c.from.User), "accepted "+string(c.to.User))
			all := w.resumes(rob)
			if len(all) != 1 || all[0].Sender != string(ann.User) {
				t.Fatalf("the resumes are %+v", all)
			}
			var got wire.ResumeContent
			if err := json.Unmarshal(all[0].Content, &got); err != nil {
				t.Fatal(err)
			}
			if got.Card.Title != card().Title || got.Attachment != file || got.Name != "欧阳晓雯.pdf" || got.Size != 4711 {
				t.Errorf("the resume is %+v", got)
			}
			if n := w.annsName(rob); n != "欧阳晓雯" {
				t.Errorf("the recruiter sees %s", n)
			}
			for _, p := range two {
				if v, err := w.As(p).read(s.Exchange); err != nil || v.Seq != all[0].Seq {
					t.Errorf("%s reads seq %d, %v; want %d", p.User, v.Seq, err, all[0].Seq)
				}
			}
		})
	}
}

// T6: where a headhunter is in the conversation the file goes nowhere and the name stays masked, whatever the candidate clicks.
func TestAHeadhunterGetsTheCardOnly(t *testing.T) {
	for _, people := range [][]identity.Principal{hunt, mixed} {
		for name, c := range map[string]struct {
			from, to identity.Principal
			f        wire.ExchangeRequest
			a        wire.ExchangeAnswer
		}{
			"invited": {hana, ann, askResume, giveResume},
			"offered": {ann, hana, offerResume, wire.ExchangeAnswer{}},
		} {
			t.Run(name, func(t *testing.T) {
				w := start(t, people)
				id := w.deal(c.from, c.to, c.f, c.a)
				for _, p := range people {
					all := w.resumes(p)
					if len(all) != 1 || !strings.Contains(string(all[0].Content), card().Title) {
						t.Fatalf("%s sees %+v", p.User, all)
					}
					if c := string(all[0].Content); strings.Contains(c, file) || strings.Contains(c, "pdf") || strings.Contains(c, "晓雯") {
						t.Errorf("%s sees %s", p.User, c)
					}
				}
				if n := w.annsName(hana); n != "欧阳**" {
					t.Errorf("the headhunter sees %s", n)
				}
				if v, err := w.As(hana).read(id); err != nil || v.Seq == 0 || v.Value != "" {
					t.Errorf("the headhunter reads %+v, %v", v, err)
				}
				if n := len(w.gate.asked); n != 2 || strings.Contains(string(w.gate.asked[0].Content)+string(w.gate.asked[1].Content), file) {
					t.Errorf("the gates were asked %d times, or about the file", n)
				}
			})
		}
	}
}

func TestWithAHeadhunterThereIsNoWeChat(t *testing.T) {
	for _, people := range [][]identity.Principal{hunt, mixed} {
		w := start(t, people)
		for _, p := range people {
			w.refused(policy.ErrForbidden)(w.As(p).request(askWeChat))
		}
		if log := w.Log(ann, w.id); len(log) != 1 {
			t.Errorf("the log has %d entries", len(log))
		}
	}
}

// R3: the candidate takes a resume back. Its entry is hidden for everybody; the original stays evidence (E1).
func TestAResumeThatIsTakenBackIsHidden(t *testing.T) {
	w := start(t, two)
	id := w.deal(rob, ann, askResume, giveResume)
	seq := w.resumes(rob)[0].Seq
	w.refused(policy.ErrForbidden)(w.As(rob).withdraw(id))
	w.clock.pass(30 * 24 * time.Hour)
	w.is("withdrawn")(w.As(ann).withdraw(id))
	w.hidden(id, ann, rob)
	for _, p := range two {
		if e := w.resumes(p)[0]; e.Revised == nil || e.Revised.Kind != "recall" || string(e.Content) != string(wire.RecalledContent) {
			t.Errorf("%s sees %s, %+v", p.User, e.Content, e.Revised)
		}
	}
	w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-ann")
	if o, err := w.Original(t.Context(), w.id, seq); err != nil || !strings.Contains(string(o.Content), file) {
		t.Errorf("the original is %s, %v", o.Content, err)
	}
	w.is("withdrawn")(w.As(ann).withdraw(id))
	w.deal(ann, rob, offerResume, wire.ExchangeAnswer{}) // another version
}

func TestAResumeThatWasRecalledBeforeIsTakenBackToo(t *testing.T) {
	w := start(t, two)
	id := w.deal(rob, ann, askResume, giveResume)
	content, err := json.Marshal(wire.RecallContent{Target: w.resumes(ann)[0].Seq})
	if err != nil {
		t.Fatal(err)
	}
	w.MustSend(ann, chat.Draft{Conversation: w.id, CID: chattest.CID(t), Type: chat.TypeRecall, Content: content})
	w.is("withdrawn")(w.As(ann).withdraw(id))
	w.hidden(id, ann, rob)
	w.told(id, "requested u-rob", "accepted u-ann", "withdrawn u-ann")
}

func TestSeveralResumesMayBeExchanged(t *testing.T) {
	w := start(t, two)
	first := w.deal(rob, ann, askResume, giveResume)
	second := w.deal(ann, rob, offerResume, wire.ExchangeAnswer{})
	w.is("withdrawn")(w.As(ann).withdraw(first))
	if v, err := w.As(rob).read(second); err != nil || v.Seq == 0 {
		t.Errorf("the second: %+v, %v", v, err)
	}
	if all := w.resumes(rob); len(all) != 2 || all[0].Revised == nil || all[1].Revised != nil {
		t.Errorf("the resumes are %+v", all)
	}
}

// What the gates say of a resume holds for the entry that it becomes; what they left out stays as evidence (E1).
func TestAResumePassesTheGatesAsTheCandidates(t *testing.T) {
	w := start(t, two)
	w.gate.do = func(a chat.Attempt) (json.RawMessage, error) {
		if a.Type != chat.TypeResume {
			return nil, nil
		}
		if a.By.User != ann.User || len(a.Others) != 1 || a.CID == "" {
			t.Errorf("the gate is asked %+v", a)
		}
		if !a.Confirmed {
			return nil, policy.ErrConfirm
		}
		return json.RawMessage(strings.ReplaceAll(string(a.Content), "六年经验", "****")), nil
	}
	w.refused(policy.ErrConfirm)(w.As(ann).request(offerResume))
	f := offerResume
	f.Confirmed = true
	id := w.is("requested")(w.As(ann).request(f)).Exchange
	w.is("accepted")(w.As(rob).accept(id, wire.ExchangeAnswer{}))
	e := w.resumes(rob)[0]
	if !strings.Contains(string(e.Content), "****") || strings.Contains(string(e.Content), "六年经验") || !e.Masked {
		t.Errorf("the recruiter sees %s, masked %v", e.Content, e.Masked)
	}
	if o, err := w.Original(t.Context(), w.id, e.Seq); err != nil || !strings.Contains(string(o.Content)+string(o.Wrote), "六年经验") {
		t.Errorf("the original is %+v, %v", o, err)
	}
	again := w.is("requested")(w.As(rob).request(askResume)).Exchange
	w.refused(policy.ErrConfirm)(w.As(ann).accept(again, giveResume))
	a := giveResume
	a.Confirmed = true
	w.is("accepted")(w.As(ann).accept(again, a))
}

// A gate keeps people from asking and accepting, never from a no (R3), and a repeat is no new try.
func TestGatesAreAskedForAYesAndNeverForANo(t *testing.T) {
	w := start(t, two)
	f := askWeChat
	f.CID = string(chattest.CID(t))
	id := w.is("requested")(w.As(rob).request(f)).Exchange
	phone := w.is("requested")(w.As(rob).request(askPhone)).Exchange
	held := w.deal(ann, rob, offerResume, wire.ExchangeAnswer{})
	w.gate.do = func(chat.Attempt) (json.RawMessage, error) { return nil, policy.ErrClosed }
	w.refused(policy.ErrClosed)(w.As(rob).request(askResume))
	w.refused(policy.ErrClosed)(w.As(ann).accept(id, giveWeChat))
	w.is("requested")(w.As(rob).request(f))
	w.is("declined")(w.As(ann).decline(id))
	w.is("withdrawn")(w.As(rob).withdraw(phone))
	w.is("withdrawn")(w.As(ann).withdraw(held))
	for _, a := range w.gate.asked {
		if strings.Contains(string(a.Content), robsWeChat) || strings.Contains(string(a.Content), annsWeChat) {
			t.Errorf("a gate was told a WeChat id: %s", a.Content)
		}
	}
}

func TestAnAttachmentThatCannotBeDescribedIsRefusedAtOnce(t *testing.T) {
	w := start(t, two, func(c *exchange.Config) { c.Attachments = nil })
	w.refused(policy.ErrUnavailable)(w.As(ann).request(offerResume))
	f := offerResume
	f.Attachment = ""
	w.deal(ann, rob, f, wire.ExchangeAnswer{}) // a card needs none
	w = start(t, two)
	w.files.fail = policy.ErrUnavailable
	w.refused(policy.ErrUnavailable)(w.As(ann).request(offerResume))
}

// Whoever's words were erased has given nothing (R2).
func TestWhatIsErasedIsNotRead(t *testing.T) {
	w := start(t, two)
	chats := w.deal(rob, ann, askWeChat, giveWeChat)
	offer := w.is("requested")(w.As(ann).request(offerResume)).Exchange
	if err := w.Vault.Destroy(t.Context(), chat.BodyKey(w.id, ann.User)); err != nil {
		t.Fatal(err)
	}
	w.hidden(chats, rob)
	w.reads(ann, chats, robsWeChat)
	s, err := w.As(rob).accept(offer, wire.ExchangeAnswer{})
	if err != nil || s.State != "unavailable" {
		t.Errorf("an erased resume is %q, %v", s.State, err)
	}
	w.hidden(offer, ann, rob)
	if all := w.resumes(rob); len(all) != 0 || w.annsName(rob) != "欧阳**" {
		t.Errorf("it reached %+v, %s", all, w.annsName(rob))
	}
	if _, err := w.As(ann).withdraw(offer); !errors.Is(err, policy.ErrGone) {
		t.Errorf("withdraw: %v", err)
	}
}
