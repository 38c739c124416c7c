package db

import (
	"testing"

	"parley/chat/sealer/sealertest"
)

func TestSealsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		sealertest.Store(t, func(t *testing.T) func() sealertest.Stores {
			open := e.reopener(t)
			return func() sealertest.Stores {
				d := open()
				return sealertest.Stores{Chat: d.Chat(), Seals: d.Seals()}
			}
		})
	})
}
