package db

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/privacy"
	"parley/internal/testenv/engines"
	"parley/recording"
	"parley/signal/interview"
)

// thaw makes the database of testdata/frozen and opens it with today's program.
var thaw = map[string]func(t *testing.T, script string) *DB{
	"sqlite": func(t *testing.T, script string) *DB {
		path := filepath.Join(t.TempDir(), "parley.db")
		raw, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if _, err := raw.Exec(script); err != nil {
			t.Fatal(err)
		}
		return openAt(t, path)
	},
	"postgres": func(t *testing.T, script string) *DB {
		url := engines.PostgreSQL(t)
		raw, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close(t.Context())
		if err := raw.PgConn().Exec(t.Context(), script).Close(); err != nil {
			t.Fatal(err)
		}
		return openURL(t, url)
	},
}

const (
	frozenChat  = "0195794e-8f10-7c3a-9d42-000000000001"
	frozenEnded = "0195794e-8f10-7c3a-9d42-000000000201"
	frozenLive  = "0195794e-8f10-7c3a-9d42-000000000202"
)

// second is a moment of the frozen rows.
func second(s int64) time.Time { return time.Unix(1_782_894_600+s, 0).UTC() }

func TestTheFirstSchemasDataIsReadByTodaysProgram(t *testing.T) {
	for name, open := range thaw {
		t.Run(name, func(t *testing.T) {
			script, err := os.ReadFile(filepath.Join("testdata/frozen", name, "00006.sql"))
			if err != nil {
				t.Fatal(err)
			}
			d := open(t, string(script))
			t.Run("revocations", func(t *testing.T) { thawedRevocations(t, d) })
			t.Run("chat", func(t *testing.T) { thawedChat(t, d) })
			t.Run("recordings", func(t *testing.T) { thawedRecordings(t, d) })
			t.Run("consents", func(t *testing.T) { thawedConsents(t, d) })
			t.Run("interviews", func(t *testing.T) { thawedInterviews(t, d) })
			t.Run("audit", func(t *testing.T) { thawedAudit(t, d) })
		})
	}
}

func thawedRevocations(t *testing.T, d *DB) {
	for user, want := range map[identity.UserID]bool{"u-gone": true, "u-ann": false} {
		if got, err := d.Revocations().Revoked(t.Context(), user, "", second(0)); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", user, got, err, want)
		}
	}
	if got, err := d.Revocations().Revoked(t.Context(), "u", "jti-7", second(0)); err != nil || !got {
		t.Errorf("token: %v, %v; want true", got, err)
	}
}

func thawedChat(t *testing.T, d *DB) {
	s := d.Chat()
	page, head, err := s.Read(t.Context(), frozenChat, chat.Range{Limit: 10})
	if err != nil || head != 3 || len(page) != 3 {
		t.Fatalf("%d entries, head %d, %v; want 3", len(page), head, err)
	}
	want := chat.Entry{Conversation: frozenChat, Seq: 2, Sender: "u-ann", CID: "0195794e-8f10-7c3a-9d42-0000000000a2",
		Time: second(1), Type: chat.TypeText, Sealed: []byte{2, 0}}
	if !reflect.DeepEqual(page[1], want) {
		t.Errorf("entry %+v, want %+v", page[1], want)
	}
	st, err := s.Load(t.Context(), frozenChat, "u-ann")
	seats := []chat.Seat{{User: "u-rob", Role: identity.Recruiter, Name: []byte{0, 255, 1}, Spoke: true, Delivered: 3, Read: 2},
		{User: "u-ann", Role: identity.Candidate, Name: []byte{0, 255, 2}, Disclosed: true, Spoke: true, Delivered: 2, Read: 1}}
	if err != nil || string(st.Title) != "title" || !reflect.DeepEqual(st.Seats, seats) || st.Unread != 1 {
		t.Errorf("standing %+v, %v; want %+v", st, err, seats)
	}
	out, err := s.Append(t.Context(), chat.Batch{Rows: []chat.Row{entry(frozenChat, "next"),
		{Conversation: frozenChat, Sender: "u-ann", CID: want.CID, Type: chat.TypeText, Sealed: []byte{9}}}})
	if err != nil || out.Rows[0].Seq != 4 || !out.Rows[1].Dup || out.Rows[1].Seq != 2 {
		t.Errorf("append: %+v, %v; want seq 4 and the repeat of 2", out, err)
	}
}

func thawedRecordings(t *testing.T, d *DB) {
	for id, want := range map[recording.ID]recording.Row{
		"0195794e-8f10-7c3a-9d42-000000000101": {Interview: frozenEnded, Node: "n1", State: recording.StateSealed,
			Started: second(100), Ended: second(200), Stored: true, Sealed: []byte{0xaa}},
		"0195794e-8f10-7c3a-9d42-000000000102": {Interview: frozenLive, Node: "n1", State: recording.StateRecording,
			Started: second(300), Sealed: []byte{0xbb}},
	} {
		got, err := d.Recordings().Get(t.Context(), id)
		if err != nil || got.Interview != want.Interview || got.Node != want.Node || got.State != want.State || got.Stored != want.Stored ||
			!got.Started.Equal(want.Started) || !got.Ended.Equal(want.Ended) || !bytes.Equal(got.Sealed, want.Sealed) {
			t.Errorf("%s: %+v, %v; want %+v", id, got, err, want)
		}
	}
}

func thawedConsents(t *testing.T, d *DB) {
	subject := privacy.Hash(bytes.Repeat([]byte{1}, 32))
	all, err := d.Consents().History(t.Context(), subject, 0, 10)
	if err != nil || len(all) != 2 || all[0].Kind != privacy.Agreed || all[1].Kind != privacy.Withdrawn || all[1].Seq != 2 ||
		!bytes.Equal(all[1].Sealed, []byte{2}) || all[1].Context != "i1" || all[1].Version != "v1" || all[1].Time.UnixMicro() != 1_782_894_600_000_002 {
		t.Errorf("history %+v, %v", all, err)
	}
	next := privacy.Entry{Subject: subject, Purpose: all[1].Purpose, Context: "i1", Kind: privacy.Agreed, Version: "v2", Sealed: []byte{3}, Time: second(9)}
	if seq, err := d.Consents().Append(t.Context(), next); err != nil || seq != 3 {
		t.Errorf("the next is %d, %v; want 3", seq, err)
	}
}

func thawedInterviews(t *testing.T, d *DB) {
	ended, err := d.Interviews().Load(t.Context(), frozenEnded)
	if err != nil || ended.Conversation != frozenChat || ended.Key != "slot-1" || ended.State != interview.Ended || !ended.Opened.Equal(second(0)) ||
		!ended.Live.Equal(second(50)) || !ended.Ended.Equal(second(200)) || !ended.RecordedSince.Equal(second(100)) || len(ended.Participants) != 2 {
		t.Errorf("ended: %+v, %v", ended, err)
	}
	live, err := d.Interviews().Load(t.Context(), frozenLive)
	if err != nil || live.Key != "" || live.State != interview.Live || !live.Ended.IsZero() ||
		live.Participants[1].User != "u-ann" || live.Participants[1].Role != identity.Candidate {
		t.Errorf("live: %+v, %v", live, err)
	}
}

func thawedAudit(t *testing.T, d *DB) {
	log := newAudit(d)
	if err := log.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := log.Record(t.Context(), identity.Principal{User: "u", Role: identity.Operator}, "a.b", "x"); err != nil {
		t.Error(err)
	}
	if entries, err := log.Read(t.Context(), 0, 10); err != nil || len(entries) != 3 || entries[0].Actor != "u-op" {
		t.Errorf("entries %+v, %v", entries, err)
	}
}
