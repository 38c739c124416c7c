package exchange_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat/exchange"
	"parley/internal/testenv/bubble"
)

func TestRunLetsRequestsExpireAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		real := func(c *exchange.Config) { c.Now, c.Every = time.Now, time.Minute }
		w := start(t, two, real)
		id := w.is("requested")(w.As(rob).request(askWeChat)).Exchange
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		for range 2 { // two nodes
			go func() { ended <- w.restart(real).Run(ctx) }()
		}
		bubble.Pass(week - time.Minute)
		w.told(id, "requested u-rob")
		bubble.Pass(2 * time.Minute)
		w.told(id, "requested u-rob", "expired ")
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}
