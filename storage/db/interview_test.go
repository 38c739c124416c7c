package db

import (
	"testing"

	"parley/signal/interview"
	"parley/signal/interview/interviewtest"
)

func TestInterviewsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		interviewtest.Store(t, func(t *testing.T) interview.Store { return e.open(t).Interviews() })
	})
}
