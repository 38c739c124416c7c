package moderationtest_test

import (
	"testing"

	"parley/chat/moderation/moderationtest"
	"parley/internal/outbox"
)

func TestTheMemoryStoreKeepsTheContract(t *testing.T) {
	moderationtest.Run(t, func(*testing.T) (moderationtest.Store, func() []outbox.Event) {
		m := &moderationtest.Memory{}
		return m, m.Events
	})
}
