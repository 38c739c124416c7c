package attachtest

import (
	"testing"

	"parley/storage/object"
	"parley/storage/object/objecttest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) Opened {
		m := &Memory{}
		return Opened{Store: m, Sweeping: m, Pass: m.Pass}
	})
}

func TestObjectsKeepTheContract(t *testing.T) {
	objecttest.Bucket(t, func(*testing.T) objecttest.Opener {
		o := &Objects{}
		return func() object.Bucket { return o }
	})
}
