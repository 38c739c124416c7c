package bubble

import (
	"testing/synctest"
	"time"
)

// Pass lets d go by on the bubble's clock and returns when all goroutines have done what was then to be done. It panics outside
// of a bubble, where it would wait for real; of the goroutines of one bubble only one may call it at a time.
func Pass(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}
