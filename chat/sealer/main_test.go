package sealer_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/chat/sealer/sealertest"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a chat with a sealer beside it. Nothing seals before it is told to.
type house struct {
	*chattest.Node
	log    *sealertest.Memory
	faults *sealertest.Faults
	keys   *ring
	sealer *sealer.Sealer
	told   *told
	t      testing.TB
}

// told is what came to Before.
type told struct {
	mu   sync.Mutex
	all  []sealer.Unsealed
	fail error
}

func (w *told) before(_ context.Context, entries []sealer.Unsealed) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, entries...)
	return w.fail
}

func newHouse(t testing.TB) *house {
	h := &house{log: &sealertest.Memory{Store: &chattest.Memory{}}, keys: &ring{}, told: &told{}, t: t}
	h.faults = &sealertest.Faults{Store: h.log}
	h.keys.rotate()
	hub := &chattest.Hub{OnCommitted: func(members []identity.UserID, e chat.Entry) { h.sealer.Committed(members, e) }}
	h.sealer = h.another()
	h.Node = chattest.Start(t, h.log, hub, chat.Config{})
	return h
}

// another is the sealer of another node, or of this one after a restart.
func (h *house) another() *sealer.Sealer {
	return sealer.New(h.faults, h.keys, sealer.Config{Before: h.told.before})
}

// talk lets both say something, n times.
func (h *house) talk(id chat.ConversationID, n int) {
	for range n {
		h.MustSend(chattest.Ann, chattest.Text(h.t, id, "您好"))
		h.MustSend(chattest.Rob, chattest.Text(h.t, id, "你好，方便聊聊吗？"))
	}
}

// seal brings the conversation's seals up to date.
func (h *house) seal(id chat.ConversationID) uint64 {
	h.t.Helper()
	n, err := h.sealer.Sealed(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// receipt is what the member keeps, by way of a client's file.
func (h *house) receipt(p identity.Principal, id chat.ConversationID) chain.Receipt {
	h.t.Helper()
	r, err := h.sealer.Receipts(h.Node).Receipt(h.t.Context(), p, wire.ChatReceiptGet{Conversation: string(id)})
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := chain.ParseReceipts(text)
	if err != nil {
		h.t.Fatal(err)
	}
	return list[0]
}

// bundle exports the conversation.
func (h *house) bundle(id chat.ConversationID) fstest.MapFS {
	h.t.Helper()
	var b bytes.Buffer
	if err := h.sealer.Export(h.t.Context(), id, &b); err != nil {
		h.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		h.t.Fatal(err)
	}
	m := fstest.MapFS{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			h.t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			h.t.Fatal(err)
		}
		m[f.Name] = &fstest.MapFile{Data: text}
	}
	return m
}

// verify holds a bundle against all keys there ever were.
func (h *house) verify(bundle fs.FS, receipts ...chain.Receipt) *chain.Report {
	h.t.Helper()
	r, err := chain.VerifyTranscript(bundle, h.keys.all(), receipts...)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) wantIntact(id chat.ConversationID, entries uint64, receipts ...chain.Receipt) {
	h.t.Helper()
	if r := h.verify(h.bundle(id), receipts...); !r.Intact() || r.Entries != entries {
		h.t.Errorf("%d entries, found %+v; want %d and nothing", r.Entries, r.Findings, entries)
	}
}

// wantChain wants the trees to be one chain.
func (h *house) wantChain(trees int) {
	h.t.Helper()
	list, err := h.sealer.Trees(h.t.Context(), 0, sealer.MaxTrees)
	if err != nil {
		h.t.Fatal(err)
	}
	var b []byte
	for _, tree := range list {
		line, err := tree.Encode()
		if err != nil {
			h.t.Fatal(err)
		}
		b = append(append(b, line...), '\n')
	}
	r, err := chain.VerifyTrees(fstest.MapFS{chain.TreesFile: {Data: b}}, h.keys.all())
	if err != nil || !r.Intact() || len(list) != trees {
		h.t.Errorf("%d trees, %+v, %v; want %d", len(list), r, err, trees)
	}
}

// ring signs with the last of its keys.
type ring struct {
	mu   sync.Mutex
	keys []ed25519.PrivateKey
	// asked is called before each signature.
	asked func()
}

func (r *ring) rotate() {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, ed25519.NewKeyFromSeed(seed))
}

func (r *ring) last() ed25519.PrivateKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[len(r.keys)-1]
}

func (r *ring) Sign(_ context.Context, message []byte) (chain.Signature, error) {
	if r.asked != nil {
		r.asked()
	}
	return chain.SignWith(r.last(), message)
}

func (r *ring) PublicKey(context.Context) (ed25519.PublicKey, error) {
	return r.last().Public().(ed25519.PublicKey), nil
}

func (r *ring) all() (pubs []ed25519.PublicKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		pubs = append(pubs, k.Public().(ed25519.PublicKey))
	}
	return pubs
}

// eventually polls until ok, for half a minute at most.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

func has(f []chain.Finding, file string, class chain.Class) bool {
	return slices.ContainsFunc(f, func(f chain.Finding) bool { return f.File == file && f.Class == class })
}
