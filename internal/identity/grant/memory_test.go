package grant

import (
	"testing"
	"time"
)

func TestANodeForgetsWhatIsNotFresh(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := memory{now: func() time.Time { return at }, by: map[Hash]held{}}
	for i := range maxHeld + 10 {
		m.put(Hash{byte(i), byte(i >> 8)}, held{until: at.Add(Fresh)}, 0)
	}
	if len(m.by) != maxHeld {
		t.Errorf("%d are held", len(m.by))
	}
	at = at.Add(Fresh)
	m.put(Hash{1, 2, 3}, held{until: at.Add(Fresh)}, 0)
	if len(m.by) != 1 {
		t.Errorf("%d are held after a while, want the new one", len(m.by))
	}
}
