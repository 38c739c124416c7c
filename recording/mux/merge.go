package mux

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pion/rtp"

	"parley/internal/policy"
	"parley/recording"
	"parley/signal/media"
)

// ErrEmpty says that a journal holds nothing that can be shown. It is policy.ErrNotFound to those who ask.
var ErrEmpty = fmt.Errorf("mux: no sound and no picture: %w", policy.ErrNotFound)

// WebM is a [recording.Muxer] that writes WebM with a known duration and an index.
func WebM(ctx context.Context, m recording.Media, out recording.Output) error {
	s, err := newScan(ctx, m)
	if err != nil {
		return err
	}
	w, err := newWriter(out, s.runs)
	if err != nil {
		return err
	}
	p := &player{scan: s, w: w, asm: map[media.TrackID]*assembler{}}
	if err := m.Records(ctx, p.record); err != nil {
		return fmt.Errorf("mux journal: %w", err)
	}
	if err := p.end(); err != nil {
		return fmt.Errorf("mux journal: %w", err)
	}
	return w.finish()
}

// mergeTime is how far frames of different runs may come out of order: more than a packet is waited for.
const mergeTime = 4 * time.Second

// player is the second reading: from records to frames in the order of their times.
type player struct {
	*scan
	w      *writer
	next   int // run that the next RecordTrack begins
	asm    map[media.TrackID]*assembler
	queue  frameQueue
	newest time.Duration
	packet rtp.Packet
	err    error
}

func (p *player) record(r recording.Record) error {
	switch r.Kind {
	case recording.RecordTrack:
		p.begin(r)
	case recording.RecordTrackEnd:
		p.endRun(r.Track)
	case recording.RecordPacket:
		if a := p.asm[r.Track]; a != nil && p.packet.Unmarshal(r.Payload) == nil {
			a.push(&p.packet, r.At)
		}
	}
	p.drain(p.newest - mergeTime)
	return p.err
}

// begin takes up the runs in the order in which the scan found them.
func (p *player) begin(r recording.Record) {
	p.endRun(r.Track)
	var t recording.TrackInfo
	if json.Unmarshal(r.Payload, &t) != nil {
		return
	}
	if _, ok := codecs[lower(t.Codec.MIME)]; ok && p.next < len(p.runs) {
		p.asm[r.Track] = newAssembler(p.runs[p.next], p.add)
		p.next++
	}
}

func (p *player) endRun(t media.TrackID) {
	if a := p.asm[t]; a != nil {
		a.flush()
		delete(p.asm, t)
	}
}

// add queues a frame by its time.
func (p *player) add(f frame) {
	at := max(f.run.place(f.ts), 0)
	p.newest = max(p.newest, at)
	heap.Push(&p.queue, timed{frame: f, at: at, n: p.queue.pushed})
	p.queue.pushed++
}

// maxQueued bounds the frames that wait, should a run's clock jump far ahead.
const maxQueued = 8192

func (p *player) drain(until time.Duration) {
	for p.err == nil && len(p.queue.frames) > 0 && (p.queue.frames[0].at <= until || len(p.queue.frames) > maxQueued) {
		t := heap.Pop(&p.queue).(timed)
		p.err = p.w.frame(t.frame, t.at)
	}
}

// end flushes what still waits.
func (p *player) end() error {
	for t := range p.asm {
		p.endRun(t)
	}
	p.drain(p.newest)
	if p.err == nil && p.w.empty() {
		return ErrEmpty
	}
	return p.err
}

// timed is a frame with its time in the recording.
type timed struct {
	frame
	at time.Duration
	n  int // keeps frames of one time in their order
}

// frameQueue is a heap by time.
type frameQueue struct {
	frames []timed
	pushed int
}

func (q *frameQueue) Len() int      { return len(q.frames) }
func (q *frameQueue) Swap(i, j int) { q.frames[i], q.frames[j] = q.frames[j], q.frames[i] }
func (q *frameQueue) Push(x any)    { q.frames = append(q.frames, x.(timed)) }

func (q *frameQueue) Less(i, j int) bool {
	a, b := q.frames[i], q.frames[j]
	return a.at < b.at || a.at == b.at && a.n < b.n
}

func (q *frameQueue) Pop() any {
	n := len(q.frames) - 1
	t := q.frames[n]
	q.frames[n] = timed{}
	q.frames = q.frames[:n]
	return t
}

var _ recording.Muxer = WebM
