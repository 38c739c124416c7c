package seqmap

// Size is how many numbers back from the highest a Window still knows apart.
const Size = 2048

// staleRun is how many packets in a row below the window mean that the sender began anew (RFC 3550, A.1 asks for
// two; a late burst of retransmissions must not be taken for one).
const staleRun = 64

// Verdict says what a sequence number is. The zero value refuses.
type Verdict uint8

// Verdicts.
const (
	Repeat Verdict = iota // was there before
	Stale                 // too far below the highest to know
	Fresh                 // the first time
)

// Window extends sequence numbers and remembers which were there. The first number of a track counts as itself, cycle
// zero; each wrap adds 65,536. The zero value is ready.
type Window struct {
	highest uint64
	started bool
	stale   int
	seen    [Size / 64]uint64
}

// Highest is the highest extended number so far, zero before the first.
func (w *Window) Highest() uint64 { return w.highest }

// Started says whether there was a first packet.
func (w *Window) Started() bool { return w.started }

// Accept extends seq and says whether it is new. A number up to 32,767 ahead of the highest moves the window; after
// many stale ones in a row the sender is taken to have begun anew, and the extended number goes on in a later cycle.
func (w *Window) Accept(seq uint16) (uint64, Verdict) {
	if !w.started {
		w.started = true
		w.highest = uint64(seq)
		w.mark(w.highest)
		return w.highest, Fresh
	}
	ext, ok := Extend(w.highest, seq)
	switch {
	case !ok || ext+Size <= w.highest:
		return w.old(seq)
	case ext > w.highest:
		w.advance(ext)
		return ext, Fresh
	case w.has(ext):
		return ext, Repeat
	}
	w.mark(ext)
	w.stale = 0
	return ext, Fresh
}

// Extend gives the extended number nearest to reference whose low 16 bits are seq; false when that would be below zero.
func Extend(reference uint64, seq uint16) (uint64, bool) {
	diff := int64(int16(seq - uint16(reference))) //nolint:gosec // modular on purpose
	ext := int64(reference) + diff                //nolint:gosec // far below 2^63
	return uint64(ext), ext >= 0                  //nolint:gosec // checked
}

func (w *Window) old(seq uint16) (uint64, Verdict) {
	if w.stale++; w.stale < staleRun {
		return 0, Stale
	}
	ext := (w.highest&^0xffff + 1<<16) | uint64(seq)
	w.seen = [Size / 64]uint64{}
	w.highest, w.stale = ext, 0
	w.mark(ext)
	return ext, Fresh
}

func (w *Window) advance(ext uint64) {
	w.stale = 0
	if ext-w.highest >= Size {
		w.seen = [Size / 64]uint64{}
	} else {
		for n := w.highest + 1; n <= ext; n++ {
			w.seen[n%Size/64] &^= 1 << (n % 64)
		}
	}
	w.highest = ext
	w.mark(ext)
}

func (w *Window) mark(n uint64) { w.seen[n%Size/64] |= 1 << (n % 64) }

func (w *Window) has(n uint64) bool { return w.seen[n%Size/64]&(1<<(n%64)) != 0 }
