package seqmap

// Map numbers what one subscriber gets. Packets of a run (one source without a switch) keep their distances, in
// sequence and in time; between runs neither number jumps:
//
//	source a:  100 101 102            out: 100 101 102
//	source b:  7 8 9      Switch(7)   out: 103 104 105
//
// The zero value is ready; the first Switch begins at the source's own numbers.
type Map struct {
	started  bool
	in, out  uint64 // where the run begins
	ts       uint32 // added to the source's timestamps
	highest  uint64 // of out
	latestTS uint32 // of the packet with the highest number
}

// Switch begins a run at the packet numbered seq with the timestamp ts; elapsed is the time since the last packet of
// the run before, in ticks of the media clock.
func (m *Map) Switch(seq uint64, ts, elapsed uint32) {
	if !m.started {
		m.started = true
		// One cycle up, so that extending a number just below the first never goes below zero.
		m.in, m.out, m.highest = seq, seq&0xffff+1<<16, seq&0xffff+1<<16-1
		m.ts, m.latestTS = 0, ts
		return
	}
	m.in, m.out = seq, m.highest+1
	m.ts = m.latestTS + max(elapsed, 1) - ts
}

// Out gives the subscriber's numbers of a packet of the run; false for one from before the run.
func (m *Map) Out(seq uint64, ts uint32) (uint16, uint32, bool) {
	if !m.started || seq < m.in {
		return 0, 0, false
	}
	out := m.out + (seq - m.in)
	if out > m.highest {
		m.highest, m.latestTS = out, ts+m.ts
	}
	return uint16(out), ts + m.ts, true //nolint:gosec // modular on purpose
}

// Timestamp is the subscriber's timestamp for the source's.
func (m *Map) Timestamp(ts uint32) uint32 { return ts + m.ts }

// In finds the source's extended number behind a subscriber's; false when it is not of this run or was not given yet.
func (m *Map) In(out uint16) (uint64, bool) {
	if !m.started {
		return 0, false
	}
	ext, ok := Extend(m.highest, out)
	if !ok || ext < m.out || ext > m.highest {
		return 0, false
	}
	return m.in + (ext - m.out), true
}
