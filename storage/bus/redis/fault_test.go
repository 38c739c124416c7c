package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/internal/testenv/engines"
	"parley/storage/bus"
)

func TestARedisThatWasKilledIsFilledAgain(t *testing.T) {
	server := engines.Redis(t)
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	n1.attach("ann")
	for i := range 1200 { // more than go in one round trip
		n2.attach(fmt.Sprintf("user-%d", i))
	}
	n1.reach(n2, "user-1199", "before")
	had := n2.synced()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both notice", func() bool { return !n1.linked() && !n2.linked() })
	start := time.Now()
	for i := range 1000 {
		n1.send("user-7", fmt.Sprint("while it was away ", i))
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("1000 sends took %v without redis", took)
	}
	n1.send("ann", "on the node itself")
	within(t, time.Second, "a node's own users reach each other", func() bool { return n1.has("on the node itself") })
	if here, err := n1.Online(t.Context(), []string{"ann", "ann"}); err != nil || !here[0] || !here[1] {
		t.Errorf("a node's own users are online: %v, %v", here, err)
	}
	if _, err := n1.Online(t.Context(), []string{"ann", "user-7"}); !errors.Is(err, bus.ErrAlone) {
		t.Errorf("whether another node's user is online: %v", err)
	}
	n1.attach("late") // must not wait, nor be forgotten
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the receiver is told to compare with the log", func() bool { return n2.synced() > had })
	if got := registeredUsers(t, server.Addr); got < 1200 {
		t.Errorf("%d users are registered when their node's receiver is told, want 1200", got)
	}
	eventually(t, "the other node's users are, too", func() bool { return registeredUsers(t, server.Addr) == 1202 })
	n1.reach(n2, "user-0", "after")
	n2.reach(n1, "late", "to who came meanwhile")
	if n1.metric("parley_bus_rebuilds_total") < 1 || n2.metric("parley_bus_probe_age_seconds") > 10 {
		t.Error("the rebuild is not counted or the age of the probe is wrong")
	}
}

func TestARegistryThatWasEmptiedIsFilledAgainWithinAProbe(t *testing.T) {
	server := engines.Redis(t)
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	n2.attach("rob")
	n1.reach(n2, "rob", "before")
	had := n2.synced()
	flush(t, server.Addr)
	within(t, 10*testProbe, "the receiver is told", func() bool { return n2.synced() > had })
	if got := registeredUsers(t, server.Addr); got != 1 {
		t.Errorf("%d users are registered, want 1", got)
	}
	if n2.metric("parley_bus_rebuilds_total") != 0 {
		t.Error("the link was given up, which was whole")
	}
	n1.reach(n2, "rob", "after")
}

func TestAConnectionThatSwallowsEverythingIsReplaced(t *testing.T) {
	server := engines.Redis(t)
	hole := newProxy(t, server.Addr)
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+hole.addr, "n2")
	n2.attach("rob")
	n1.reach(n2, "rob", "before")
	had := n2.synced()
	hole.swallow()
	within(t, 10*time.Second, "the receiver is told over another connection", func() bool { return n2.synced() > had })
	eventually(t, "the client that was replaced is counted", func() bool { return n2.metric("parley_bus_rebuilds_total") > 0 })
	n1.reach(n2, "rob", "after")
}

func TestANodeThatLostWhatItHadToSendTellsTheOthers(t *testing.T) {
	server := engines.Redis(t)
	hole := newProxy(t, server.Addr)
	n1 := join(t, "redis://"+hole.addr, "n1", func(c *Config) { c.Queue = 1 << 10 })
	n2 := join(t, "redis://"+server.Addr, "n2")
	n2.attach("rob")
	n1.reach(n2, "rob", "before")
	had := n2.synced()
	hole.refuse(true)
	hole.cut()
	eventually(t, "the sender notices", func() bool { return !n1.linked() })
	for i := range 100 {
		n1.send("rob", fmt.Sprint(i))
	}
	if n1.metric("parley_bus_dropped_total") == 0 {
		t.Error("nothing is counted as dropped")
	}
	hole.refuse(false)
	eventually(t, "who was to get it is told", func() bool { return n2.synced() > had })
	if n2.metric("parley_bus_rebuilds_total") != 0 {
		t.Error("the receiver's own link was not whole")
	}
}

func TestWhatWasToldWhileRedisWasAwayArrivesLater(t *testing.T) {
	server := engines.Redis(t)
	hole := newProxy(t, server.Addr)
	n1, n2 := join(t, "redis://"+hole.addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	eventually(t, "both are up", func() bool { return n1.isUp() && n2.isUp() })
	hole.refuse(true)
	hole.cut()
	eventually(t, "the sender notices", func() bool { return !n1.linked() })
	if err := n1.Tell(t.Context(), []byte("revoked")); err != nil {
		t.Fatal(err)
	}
	hole.refuse(false)
	eventually(t, "it arrives", func() bool { return n2.has("revoked") && n1.has("revoked") })
}

func TestANodeStartsWithoutRedis(t *testing.T) {
	server := engines.Redis(t)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	n1.attach("ann")
	n2.attach("rob")
	n1.send("ann", "alone")
	eventually(t, "its own users are reached", func() bool { return n1.has("alone") })
	if n1.metric("parley_bus_up") != 0 {
		t.Error("the node says it is connected")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n1.reach(n2, "rob", "together")
	n2.reach(n1, "ann", "together again")
}

func TestTheRegistryForgetsWhoStopsToSaySo(t *testing.T) {
	server := engines.Redis(t)
	hole := newProxy(t, server.Addr)
	short := func(c *Config) { c.TTL = time.Second }
	n1, n2 := join(t, "redis://"+hole.addr, "n1", short), join(t, "redis://"+server.Addr, "n2", short)
	n1.attach("ann")
	n2.attach("rob")
	eventually(t, "both are there", func() bool { return registeredUsers(t, server.Addr) == 2 })
	begin := time.Now()
	eventually(t, "three lives pass", func() bool {
		if registeredUsers(t, server.Addr) != 2 {
			t.Fatal("a user who is there was forgotten")
		}
		return time.Since(begin) > 3*time.Second
	})
	hole.refuse(true) // as a node that was killed
	hole.cut()
	eventually(t, "the one who is gone is forgotten", func() bool { return registeredUsers(t, server.Addr) == 1 })
	n1.reach(n1, "ann", "still here")
}

func TestANodeThatStopsInOrderLeavesNothingBehind(t *testing.T) {
	server := engines.Redis(t)
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	n1.attach("ann")
	n1.attach("eve")
	n2.attach("rob")
	n1.reach(n2, "rob", "before")
	if err := n1.Detach(t.Context(), "eve", "n1"); err != nil {
		t.Fatal(err)
	}
	n1.send("rob", "the last word")
	n1.stop()
	eventually(t, "what was sent before the end arrives", func() bool { return n2.has("the last word") })
	if got := registeredUsers(t, server.Addr); got != 1 {
		t.Errorf("%d users are registered, want the other node's one", got)
	}
}

func TestASentinelFailoverIsFollowed(t *testing.T) {
	master := engines.Redis(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	replica := engines.Redis(t, "--replicaof", host+" "+port)
	eventually(t, "the replica is in step", func() bool {
		info, err := admin(t, replica.Addr).Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	sentinel := engines.Sentinel(t, master)
	eventually(t, "the sentinel knows the replica", func() bool {
		list, err := admin(t, sentinel.Addr).Do(t.Context(), "sentinel", "replicas", "parley").Slice()
		return err == nil && len(list) == 1
	})
	url := "redis://" + sentinel.Addr + "?master_name=parley"
	n1, n2 := join(t, url, "n1"), join(t, url, "n2")
	n2.attach("rob")
	n1.reach(n2, "rob", "before")
	had := n2.synced()
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	within(t, 40*time.Second, "the receiver is told over the new master", func() bool { return n2.synced() > had })
	n1.reach(n2, "rob", "after")
	if got := registeredUsers(t, replica.Addr); got != 1 {
		t.Errorf("%d users are registered at the new master, want 1", got)
	}
}

// linked says whether the node has a link, whole or not.
func (e *end) linked() bool { return e.current.get() != nil }

func registeredUsers(t testing.TB, addr string) int {
	t.Helper()
	keys, err := admin(t, addr).Keys(t.Context(), "parley:user:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}
