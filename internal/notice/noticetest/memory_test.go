package noticetest_test

import (
	"testing"

	"parley/internal/notice/noticetest"
)

func TestTheMemoryStoreKeepsTheContract(t *testing.T) {
	noticetest.Run(t, func(*testing.T) noticetest.Opened {
		m := &noticetest.Memory{}
		return noticetest.Opened{Store: m, Pass: m.Pass, Events: m.Events}
	})
}
