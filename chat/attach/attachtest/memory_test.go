package attachtest

import "testing"

func TestMemoryKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) Opened {
		m := &Memory{}
		return Opened{Store: m, Sweeping: m, Pass: m.Pass}
	})
}
