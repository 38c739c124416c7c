package peopletest

import "testing"

func TestMemoryKeepsTheContract(t *testing.T) {
	Run(t, func(*testing.T) Opened {
		m := &Memory{}
		return Opened{Store: m, Tell: m.Tell}
	})
}
