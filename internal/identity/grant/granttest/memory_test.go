package granttest

import (
	"testing"
	"time"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	Run(t, func(*testing.T) Opened {
		var passed time.Duration
		return Opened{
			Store: &Memory{Now: func() time.Time { return time.Now().Add(passed) }},
			Pass:  func(d time.Duration) { passed += d },
		}
	})
}
