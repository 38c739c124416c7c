package db

import (
	"context"
	"testing"

	"parley/chat/moderation/moderationtest"
	"parley/internal/outbox"
)

func TestModerationKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		moderationtest.Run(t, func(t *testing.T) (moderationtest.Store, func() []outbox.Event) {
			d := e.open(t)
			return d.Moderation(), func() []outbox.Event {
				events, err := pending(d)(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				return events
			}
		})
	})
}
