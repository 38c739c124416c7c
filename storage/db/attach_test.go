package db

import (
	"testing"
	"time"

	"parley/chat/attach/attachtest"
)

func TestAttachmentsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		attachtest.Store(t, func(t *testing.T) attachtest.Opened {
			d := e.open(t)
			return attachtest.Opened{Store: d.Attachments(), Sweeping: d.Attachments(), Pass: func(by time.Duration) {
				exec(t, d, `UPDATE attachments SET begun_us = begun_us - $1`, by.Microseconds())
				exec(t, d, `UPDATE attachment_objects SET claimed_us = claimed_us - $1`, by.Microseconds())
			}}
		})
	})
}
