package db

import (
	"testing"

	"parley/signal/interview"
	"parley/signal/interview/interviewtest"
)

func TestInterviewsKeepTheContract(t *testing.T) {
	interviewtest.Store(t, func(t *testing.T) interview.Store { return openTest(t).Interviews() })
}
