package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Bounds of a search. Over them the answer says how far it got.
const (
	SearchBack    = 90 * 24 * time.Hour // how far back
	MaxSearch     = 50                  // entries in an answer; 20 unless asked for more; a few more where times are equal
	MaxQuery      = 200                 // bytes
	searchEntries = 5000                // entries that are looked at
	searchFor     = time.Second / 2
	searchBytes   = 256 << 10 // of content in an answer, and one more entry
	maxSearches   = 4         // at once on a node
	searchPage    = 100
	searchRate    = 0.5 // a second and user, for ever
	searchBurst   = 30
)

// Search looks for words in the principal's conversations, those of the role of now, in what is shown of them, the newest
// entry first. There is no index of what was said: it opens entry after entry, within bounds.
func (s *Service) Search(ctx context.Context, p identity.Principal, q wire.ChatSearch) (wire.ChatFound, error) {
	if err := identity.Allow(p, identity.ConversationRead); err != nil {
		return wire.ChatFound{}, err
	}
	words := fold(strings.TrimSpace(q.Query))
	if !plainText(words, 1, MaxQuery) {
		return wire.ChatFound{}, policy.ErrBadRequest.With("Give a word or two to look for.", "请输入要搜索的内容。")
	}
	if err := s.searches.Take(p.User); err != nil {
		return wire.ChatFound{}, err
	}
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return wire.ChatFound{}, fmt.Errorf("search: %w", ctx.Err())
	}
	now := s.now().UTC()
	until := now.Add(time.Minute) // clocks of other nodes
	if !q.Before.IsZero() && q.Before.Before(until) {
		until = q.Before.UTC()
	}
	k := &search{s: s, words: words, since: now.Add(-SearchBack), until: until, deadline: time.Now().Add(searchFor)}
	if err := k.gather(ctx, p, ConversationID(q.Conversation)); err != nil {
		return wire.ChatFound{}, err
	}
	return k.run(ctx, q.Limit)
}

// A search merges the logs of conversations, each from its end, so that entries come by time. A log is read only when its
// next entry may be the newest of all.
type search struct {
	s            *Service
	words        string
	since, until time.Time
	deadline     time.Time
	trails       []*trail
	looked, size int
	at           time.Time // of the last entry that was looked at
	found        []wire.Entry
}

// trail is the rest of one log: next are entries that were read, the newest first; below them it goes on until empty.
type trail struct {
	id    ConversationID
	next  []Entry
	below Seq
	bound time.Time // nothing that was not read yet is newer
	done  bool
}

// when is how new the trail's next entry may be.
func (t *trail) when() time.Time {
	if len(t.next) > 0 {
		return t.next[0].Time
	}
	return t.bound
}

// gather finds the conversations to look through: all of the principal's, or the one.
func (k *search) gather(ctx context.Context, p identity.Principal, only ConversationID) error {
	if only != "" {
		if _, err := k.s.enter(ctx, p, identity.ConversationRead, only); err != nil {
			return err
		}
		k.trails = []*trail{{id: only, bound: k.until}}
		return nil
	}
	all, err := k.s.store.List(ctx, p.User, MaxConversations)
	if err != nil {
		return fmt.Errorf("list conversations: %w", err)
	}
	for _, st := range all {
		if !circleOf(st.Seats).has(p.User, p.Role) || st.Last.Time.Before(k.since) {
			continue
		}
		bound := k.until
		if st.Last.Time.Before(bound) {
			bound = st.Last.Time
		}
		k.trails = append(k.trails, &trail{id: st.ID, bound: bound})
	}
	return nil
}

// run looks at entry after entry. It stops between two times only, so that asking again before the last one misses nothing.
func (k *search) run(ctx context.Context, limit int) (wire.ChatFound, error) {
	if limit <= 0 {
		limit = 20
	}
	limit = min(limit, MaxSearch)
	k.at = k.until
	for {
		t := k.newest()
		if t == nil {
			return wire.ChatFound{Entries: k.entries(), Searched: k.since}, nil
		}
		if k.enough(limit) && t.when().Before(k.at) {
			return wire.ChatFound{Entries: k.entries(), Searched: k.at, More: true}, nil
		}
		if err := k.step(ctx, t); err != nil {
			return wire.ChatFound{}, err
		}
	}
}

func (k *search) enough(limit int) bool {
	return len(k.found) >= limit || k.size >= searchBytes || k.looked >= searchEntries || k.looked > 0 && time.Now().After(k.deadline)
}

// newest is the trail whose next entry may be the newest; nil when all are at their end.
func (k *search) newest() *trail {
	k.trails = slices.DeleteFunc(k.trails, func(t *trail) bool {
		return len(t.next) == 0 && t.done || t.when().Before(k.since)
	})
	var best *trail
	for _, t := range k.trails {
		if best == nil || t.when().After(best.when()) {
			best = t
		}
	}
	return best
}

// step reads on in the trail, or looks at its next entry.
func (k *search) step(ctx context.Context, t *trail) error {
	if len(t.next) == 0 {
		page, err := k.s.store.Recent(ctx, t.id, t.below, k.until, searchPage)
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		t.next, t.done = page, len(page) == 0
		if !t.done {
			t.below = page[len(page)-1].Seq
			t.done = t.below == 1
		}
		return nil
	}
	e := t.next[0]
	t.next, t.bound, k.at = t.next[1:], e.Time, e.Time
	k.looked++
	return k.look(ctx, e)
}

// look opens an entry and keeps it if the words are in it.
func (k *search) look(ctx context.Context, e Entry) error {
	say := said[e.Type]
	if say == nil || e.Revised != nil && e.Revised.Kind == TypeRecall {
		return nil
	}
	w, err := k.s.Unseal(ctx, e)
	if err != nil {
		return err
	}
	for _, text := range say(w.Content) {
		if strings.Contains(fold(text), k.words) {
			k.found = append(k.found, w)
			k.size += len(w.Content)
			break
		}
	}
	return nil
}

func (k *search) entries() []wire.Entry {
	if k.found == nil {
		return []wire.Entry{}
	}
	return k.found
}

// fold makes texts that differ in case only equal.
func fold(s string) string { return strings.ToLower(s) }

// said is the words of entries by type. Entries of other types say nothing that anybody would look for: an edit shows in what
// it edited.
var said = map[string]func(json.RawMessage) []string{
	TypeText: sayings(func(c wire.TextContent) []string { return []string{c.Text} }),

	TypePicture: sayings(mediaWords), TypeVoice: sayings(mediaWords), TypeVideo: sayings(mediaWords), TypeFile: sayings(mediaWords),

	TypeResume: sayings(func(c wire.ResumeContent) []string {
		d := c.Card
		return append([]string{c.Name, d.Title, d.City, d.Education, d.Salary, d.Summary}, d.Skills...)
	}),
	TypeJob: sayings(func(c wire.JobContent) []string {
		return append([]string{c.Title, c.Company, c.City, c.Salary}, c.Tags...)
	}),

	TypeAppointment: sayings(func(c wire.AppointmentContent) []string { return []string{c.Note} }),
}

func mediaWords(c wire.MediaContent) []string { return []string{c.Text, c.Name} }

// sayings makes of the words of one type of content those of its encoding; what is not of the type, because it was erased, has
// none.
func sayings[T any](words func(T) []string) func(json.RawMessage) []string {
	return func(raw json.RawMessage) []string {
		c, err := decode[T](raw)
		if err != nil {
			return nil
		}
		return words(c)
	}
}
