package db

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/testenv/engines"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

// sealing is a node that chats and seals.
type sealing struct {
	*chattest.Node
	sealer *sealer.Sealer
	stop   func()
}

func startSealing(t *testing.T, d *DB, vault keys.Vault) *sealing {
	t.Helper()
	s := &sealing{sealer: sealer.New(d.Seals(), vault, sealer.Config{Every: 15 * time.Millisecond, Sweep: 200 * time.Millisecond})}
	s.Node = chattest.Start(t, d.Chat(), &chattest.Hub{OnCommitted: func(m []identity.UserID, e chat.Entry) { s.sealer.Committed(m, e) }}, chat.Config{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.sealer.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *sealing) bundle(t *testing.T, id chat.ConversationID) *zip.Reader {
	t.Helper()
	var b bytes.Buffer
	if err := s.sealer.Export(t.Context(), id, &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func verifySealed(t *testing.T, vault keys.Vault, z *zip.Reader) *chain.Report {
	t.Helper()
	pub, err := vault.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := chain.VerifyTranscript(z, []ed25519.PublicKey{pub})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Both nodes write to and seal the same conversations, without a pause.
func TestTwoNodesSealWhatBothWrite(t *testing.T) {
	url, vault := engines.PostgreSQL(t), keystest.New()
	nodes := []*sealing{startSealing(t, openURL(t, url), vault), startSealing(t, openURL(t, url), vault)}
	var ids []chat.ConversationID
	for range 5 {
		ids = append(ids, nodes[0].NewConversation())
	}
	var wg sync.WaitGroup
	for n, node := range nodes {
		wg.Go(func() {
			for i := range 60 {
				if _, err := node.Store.Append(t.Context(), chat.Batch{Rows: []chat.Row{entry(ids[i%len(ids)], chat.ClientID(fmt.Sprint(n, "-", i)))}}); err != nil {
					t.Error(err)
				}
				node.sealer.Changed(nil, ids[i%len(ids)])
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		eventually(t, "all is sealed", func() bool {
			r := verifySealed(t, vault, nodes[1].bundle(t, id))
			return r.Intact() && r.Entries == 1+2*60/5
		})
	}
	trees, err := nodes[0].sealer.Trees(t.Context(), 0, sealer.MaxTrees)
	if err != nil {
		t.Fatal(err)
	}
	var prev chain.Hash
	for i, tree := range trees {
		if tree.Number != uint64(i+1) || tree.Prev != prev {
			t.Fatalf("tree %d at place %d does not follow", tree.Number, i+1)
		}
		prev = tree.Hash()
	}
}

// The node that was told of an entry is gone: another finds it by looking through all.
func TestWhatADeadNodeLeftUnsealedIsSealedByAnother(t *testing.T) {
	url, vault := engines.PostgreSQL(t), keystest.New()
	dead := startSealing(t, openURL(t, url), vault)
	id := dead.NewConversation()
	dead.stop()
	dead.MustSend(chattest.Ann, chattest.Text(t, id, "在吗"))
	alive := openURL(t, url)
	startSealing(t, alive, vault)
	eventually(t, "another node sealed it", func() bool {
		list, err := alive.Seals().Standings(t.Context(), []chat.ConversationID{id})
		return err == nil && list[0].Last.Entries == 2
	})
}

func TestARowChangedInTheDatabaseIsFoundInTheTranscript(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		vault := keystest.New()
		s := startSealing(t, d, vault)
		id := s.NewConversation()
		for range 4 {
			s.MustSend(chattest.Ann, chattest.Text(t, id, "您好"))
		}
		if r := verifySealed(t, vault, s.bundle(t, id)); !r.Intact() || r.Entries != 5 {
			t.Fatalf("%+v", r)
		}
		if err := s.Vault.Destroy(t.Context(), chat.BodyKey(id, chattest.Ann.User)); err != nil {
			t.Fatal(err)
		}
		if r := verifySealed(t, vault, s.bundle(t, id)); !r.Intact() {
			t.Errorf("after the erasure of a sender: %+v", r.Findings)
		}
		execChat(t, d, `UPDATE chat_entries SET time_us = time_us + 1 WHERE seq = 3`)
		if r := verifySealed(t, vault, s.bundle(t, id)); r.Intact() || r.Findings[0].Class != chain.Altered {
			t.Errorf("a time moved by a microsecond: %+v", r.Findings)
		}
		execChat(t, d, `DELETE FROM chat_entries WHERE seq = 3`)
		if r := verifySealed(t, vault, s.bundle(t, id)); r.Intact() || r.Findings[0].Class != chain.Removed {
			t.Errorf("a row deleted: %+v", r.Findings)
		}
	})
}

func TestAStatementCanNeitherChangeSealsNorDropTrees(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		s := startSealing(t, d, keystest.New())
		s.bundle(t, s.NewConversation())
		for _, statement := range []string{`UPDATE chat_trees SET time_us = 1`, `DELETE FROM chat_trees`, `UPDATE chat_seals SET entries = 9`} {
			if _, err := d.write.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") && !strings.Contains(err.Error(), "never change") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}
