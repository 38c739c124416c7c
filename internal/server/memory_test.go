package server

import (
	"runtime"
	"testing"
)

func TestAServerLeavesRoomForGarbage(t *testing.T) {
	s, err := New(Config{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(s)
	if m.NextGC < reserved {
		t.Errorf("the next collection is at %d bytes", m.NextGC)
	}
}
