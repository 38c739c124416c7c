package moderation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/moderation"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// reported is a report of entries of the direct conversation.
func (w *world) reported(t *testing.T, seqs ...uint64) wire.Report {
	return wire.Report{Conversation: string(w.direct), CID: string(chattest.CID(t)), Seqs: seqs, Reason: "fraud", Note: "要求先交押金"}
}

func TestAReportFixesWhatWasSaidAlsoWhenItIsRecalled(t *testing.T) { // E1
	w := newWorld(t, moderation.Config{Events: true})
	bad := w.As(rob).Say(w.direct, "先交押金再入职")
	stored, _, err := w.Store.Read(t.Context(), w.direct, chat.Range{After: bad.Seq - 1, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.As(rob).Send(w.direct, chat.TypeRecall, wire.RecallContent{Target: bad.Seq})
	f := w.reported(t, bad.Seq, bad.Seq)
	got, err := w.Report(t.Context(), ann, f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Report(t.Context(), ann, f)
	if err != nil || again != got {
		t.Errorf("again: %v, %v; want %v", again, err, got)
	}
	e := stored[0]
	want, err := chain.Entry{Seq: e.Seq, Sender: string(e.Sender), CID: string(e.CID), Time: e.Time, Type: e.Type, Sealed: e.Sealed}.Digest()
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Filed(t.Context(), moderator, moderation.ReportID(got.Report))
	if err != nil || !slices.Equal(r.Entries, []moderation.Exhibit{{Seq: bad.Seq, Sender: rob.User, Digest: want}}) {
		t.Errorf("entries %+v, %v; want %v", r.Entries, err, want)
	}
	if r.Note != "要求先交押金" || r.Reporter != ann.User || r.Reason != "fraud" || r.Conversation != w.direct {
		t.Errorf("report %+v", r)
	}
	if es := w.store.Events(); len(es) != 1 || es[0].Report != got.Report || es[0].User != "" || es[0].Sender != "" {
		t.Errorf("events %+v", es)
	}
}

func TestANoteIsSealedAndGoesWithItsWriter(t *testing.T) { // A4, R2
	w := newWorld(t, moderation.Config{})
	bad := w.As(rob).Say(w.direct, "先交押金再入职")
	got, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq))
	if err != nil {
		t.Fatal(err)
	}
	row, _, err := w.store.Load(t.Context(), moderation.ReportID(got.Report))
	if err != nil || strings.Contains(string(row.Note), "押金") || len(row.Note) == 0 {
		t.Errorf("stored %q, %v", row.Note, err)
	}
	if err := w.Vault.Destroy(t.Context(), moderation.KeyOf(ann.User)); err != nil {
		t.Fatal(err)
	}
	r, err := w.Filed(t.Context(), moderator, moderation.ReportID(got.Report))
	if err != nil || r.Note != "" || len(r.Entries) != 1 {
		t.Errorf("after erasure %+v, %v", r, err)
	}
	if _, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq)); err != nil {
		t.Errorf("a report after erasure: %v", err)
	}
}

func TestOnlyMembersReportAndOnlyWhatOthersSaid(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	own := w.As(ann).Say(w.direct, "你好")
	bad := w.As(rob).Say(w.direct, "先交押金再入职")
	for name, c := range map[string]struct {
		p      identity.Principal
		change func(*wire.Report)
		want   error
	}{
		"a stranger":         {hana, func(*wire.Report) {}, policy.ErrNotFound},
		"in another role":    {identity.Principal{User: ann.User, Role: identity.Recruiter}, func(*wire.Report) {}, policy.ErrNotFound},
		"staff":              {identity.Principal{User: "u-s", Role: identity.Support}, func(*wire.Report) {}, policy.ErrForbidden},
		"one's own":          {ann, func(f *wire.Report) { f.Seqs = []uint64{own.Seq} }, policy.ErrBadRequest},
		"the system's":       {ann, func(f *wire.Report) { f.Seqs = []uint64{1} }, policy.ErrBadRequest},
		"beyond the head":    {ann, func(f *wire.Report) { f.Seqs = []uint64{bad.Seq, bad.Seq + 1} }, policy.ErrBadRequest},
		"zero":               {ann, func(f *wire.Report) { f.Seqs = []uint64{0} }, policy.ErrBadRequest},
		"none":               {ann, func(f *wire.Report) { f.Seqs = nil }, policy.ErrBadRequest},
		"too many":           {ann, func(f *wire.Report) { f.Seqs = make([]uint64, 51) }, policy.ErrBadRequest},
		"no reason":          {ann, func(f *wire.Report) { f.Reason = "" }, policy.ErrBadRequest},
		"another reason":     {ann, func(f *wire.Report) { f.Reason = "boring" }, policy.ErrBadRequest},
		"a long note":        {ann, func(f *wire.Report) { f.Note = strings.Repeat("x", 2001) }, policy.ErrTooLarge},
		"a cid that is none": {ann, func(f *wire.Report) { f.CID = "7" }, policy.ErrBadRequest},
		"no conversation":    {ann, func(f *wire.Report) { f.Conversation = "x" }, policy.ErrNotFound},
	} {
		f := w.reported(t, bad.Seq)
		c.change(&f)
		if _, err := w.Report(t.Context(), c.p, f); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if all, err := w.Reports(t.Context(), moderator, moderation.Open, "", 10); err != nil || len(all) != 0 {
		t.Errorf("filed %v, %v", all, err)
	}
}

func TestReportsADayAreBounded(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	bad := w.As(rob).Say(w.direct, "先交押金再入职")
	for range moderation.ReportsPerDay {
		if _, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq)); !errors.Is(err, policy.ErrRateLimited) {
		t.Errorf("one more: %v", err)
	}
	w.clock.Advance(25 * time.Hour)
	if _, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq)); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

func TestAReportIsClosedOnce(t *testing.T) {
	w := newWorld(t, moderation.Config{})
	bad := w.As(rob).Say(w.direct, "先交押金再入职")
	got, err := w.Report(t.Context(), ann, w.reported(t, bad.Seq))
	if err != nil {
		t.Fatal(err)
	}
	id := moderation.ReportID(got.Report)
	for _, c := range []struct {
		id   moderation.ReportID
		o    moderation.Outcome
		want error
	}{
		{id, moderation.Open, policy.ErrBadRequest}, {"none", moderation.Upheld, policy.ErrNotFound},
		{id, moderation.Upheld, nil}, {id, moderation.Upheld, nil}, {id, moderation.Dismissed, policy.ErrConflict},
	} {
		if err := w.Close(t.Context(), moderator, c.id, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s as %q: %v, want %v", c.id, c.o, err, c.want)
		}
	}
	if all, err := w.Reports(t.Context(), moderator, moderation.Upheld, "", 10); err != nil || len(all) != 1 || all[0].Closed.IsZero() || all[0].Note != "" {
		t.Errorf("listed %+v, %v", all, err)
	}
}
