package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/people"
	"parley/chat/people/peopletest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys/keystest"
)

func TestPeopleKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		peopletest.Run(t, func(t *testing.T) peopletest.Opened {
			d := e.open(t)
			return peopletest.Opened{Store: d.People(), Tell: func(talk peopletest.Talk) { tell(t, d, talk) }}
		})
	})
}

// tell stores the conversation as the chat would.
func tell(t *testing.T, d *DB, talk peopletest.Talk) {
	t.Helper()
	id := chat.ConversationID(chattest.CID(t))
	first := chat.Row{Conversation: id, CID: "opened", Type: chat.TypeSystem, Sealed: []byte{1}, Time: talk.Lines[0].At}
	lines := talk.Lines
	if lines[0].By == "" {
		lines = lines[1:]
	}
	_, err := d.Chat().Open(t.Context(), chat.Founding{ID: id, Key: string(id), Title: []byte{1}, Opened: first.Time, First: first,
		Seats: []chat.Seat{{User: talk.Other, Role: identity.Recruiter, Name: []byte{1}}, {User: talk.Candidate, Role: identity.Candidate, Name: []byte{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	for len(lines) > 0 {
		n := min(len(lines), chat.MaxBatch)
		var b chat.Batch
		for _, l := range lines[:n] {
			b.Rows = append(b.Rows, chat.Row{Conversation: id, Sender: l.By, CID: chattest.CID(t), Type: chat.TypeText, Sealed: []byte{1}, Time: l.At})
		}
		if _, err := d.Chat().Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		lines = lines[n:]
	}
}

// Two nodes, each with a database connection of its own, start conversations for one recruiter at once (T1).
func TestNodesTogetherStayWithinAQuota(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		const quota, tries = 5, 30
		at, vault := e.fresh(t), keystest.New()
		var nodes []*people.Service
		for range 2 {
			nodes = append(nodes, people.New(people.Config{Store: at(t).People(), Vault: vault, Hub: deaf{}, Quota: quota}))
		}
		var opened atomic.Int32
		var all sync.WaitGroup
		for i := range tries {
			all.Go(func() {
				err := nodes[i%2].MayOpen(context.WithoutCancel(t.Context()), chat.Opening{Key: fmt.Sprint(i), Starter: chat.Party{User: "u-rob", Role: identity.Recruiter, Company: "c-1"},
					Others: []chat.Party{{User: "u-ann", Role: identity.Candidate}}})
				if err == nil {
					opened.Add(1)
				} else if !errors.Is(err, policy.ErrQuota) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		q, err := nodes[0].Quota(t.Context(), identity.Principal{User: "u-rob", Role: identity.Recruiter})
		if opened.Load() != quota || err != nil || q.Left != 0 {
			t.Errorf("%d opened, %+v, %v; want %d", opened.Load(), q, err, quota)
		}
	})
}

type deaf struct{}

func (deaf) Push(context.Context, identity.UserID, wire.Body) {}

// What was set holds after a restart, and whoever reads the tables learns nothing of it (A4).
func TestPeopleAreKeptSealed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		open, vault := e.reopener(t), keystest.New()
		node := func() *people.Service {
			return people.New(people.Config{Store: open().People(), Vault: vault, Hub: deaf{}})
		}
		s := node()
		platform := identity.Principal{User: "platform", Role: identity.Service}
		set := wire.SettingsSet{Hide: &wire.Hide{Companies: []string{"c-secret"}}, Replies: &[]string{"secret"}}
		_, err := s.SetOf(t.Context(), platform, "u-secret", set)
		open1 := s.MayOpen(t.Context(), chat.Opening{Key: "key-secret", Starter: chat.Party{User: "u-secret-rob", Role: identity.Recruiter},
			Others: []chat.Party{{User: "u-ann", Role: identity.Candidate}}})
		block := s.BlockOf(t.Context(), platform, "u-secret", wire.Blocked{User: "u-secret-rob"}, false)
		if err := errors.Join(err, block, open1); err != nil {
			t.Fatal(err)
		}
		s = node()
		got, err := s.SettingsOf(t.Context(), platform, "u-secret")
		blocks, err2 := s.BlocksOf(t.Context(), platform, "u-secret")
		if err := errors.Join(err, err2); err != nil || len(got.Hide.Companies) != 1 || len(blocks.Blocks) != 1 {
			t.Errorf("after a restart %+v, %+v, %v", got, blocks, err)
		}
		if all := peopleTables(t, open()); len(all) == 0 || bytes.Contains(all, []byte("secret")) {
			t.Errorf("the tables tell: %q", all)
		}
	})
}

// peopleTables is all that stands in the tables of people.
func peopleTables(t *testing.T, d *DB) (all []byte) {
	t.Helper()
	for _, q := range []string{`SELECT owner, sealed FROM people`, `SELECT owner, contact FROM people_contacts`} {
		rows, err := d.read.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var a, b []byte
			if err := rows.Scan(&a, &b); err != nil {
				t.Fatal(err)
			}
			all = append(append(all, a...), b...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
