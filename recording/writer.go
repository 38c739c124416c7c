package recording

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"parley/signal/media"
)

// Times of a writer.
const (
	flushEvery = 90 * time.Millisecond // so that a kill loses less than 250 ms
	syncEvery  = 200 * time.Millisecond
	// keyFrameEvery bounds how far a player has to go back for a picture, and keyFrameMin how often a publisher is asked.
	keyFrameEvery = 30 * time.Second
	keyFrameMin   = time.Second
)

// writer owns one journal: it drains the sink, writes, and closes the file at the end.
type writer struct {
	id    ParticipantID
	sink  *sink
	j     *journal
	now   func() time.Duration // since the recording's start
	ask   func(media.TrackID)
	m     *metrics
	video map[media.TrackID]*keyFrames
	spare []byte
}

// keyFrames says when a video track was last asked for a key frame, and whether it should be again.
type keyFrames struct {
	asked  time.Duration
	wanted bool
}

// run drains until quit is closed, then ends the journal. The syncer beside it keeps a slow disk from holding up the
// drain. After a failure the sink is failed and the journal closed as well as the disk allows.
func (w *writer) run(quit <-chan struct{}) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { w.syncs(stop) })
	err := w.drains(quit)
	close(stop)
	wg.Wait()
	w.end(err)
}

func (w *writer) drains(quit <-chan struct{}) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-quit:
			return nil
		case <-w.sink.failed:
			return w.sink.Err()
		case <-t.C:
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
}

// flush writes what the sink has gathered.
func (w *writer) flush() error {
	full := w.sink.drain(w.spare)
	w.spare = full
	if err := w.j.room(); err != nil {
		return err
	}
	if err := w.j.write(full, w.now()); err != nil {
		return err
	}
	w.m.bytes.Add(float64(len(full)))
	w.keyFrames(full)
	return nil
}

// keyFrames asks for a key frame where a track began, where packets are missing for good, and now and then.
func (w *writer) keyFrames(records []byte) {
	for len(records) > 0 {
		r, rest, err := nextRecord(records)
		if err != nil {
			return
		}
		w.want(r)
		records = rest
	}
	now := w.now()
	for t, k := range w.video {
		if since := now - k.asked; since >= keyFrameEvery || k.wanted && since >= keyFrameMin {
			k.asked, k.wanted = now, false
			w.ask(t)
		}
	}
}

func (w *writer) want(r Record) {
	switch r.Kind {
	case RecordTrack:
		if t := w.j.sum.find(r.Track); t != nil && t.Kind == media.Video.String() {
			w.video[r.Track] = &keyFrames{asked: -keyFrameEvery, wanted: true}
		}
	case RecordTrackEnd:
		delete(w.video, r.Track)
	case RecordGap:
		for t, k := range w.video {
			k.wanted = k.wanted || r.Track == 0 || r.Track == t
		}
	}
}

// syncs makes the file durable every 200 ms, at a phase of its own: writers in step would queue at the disk.
func (w *writer) syncs(stop <-chan struct{}) {
	phase := time.NewTimer(rand.N(syncEvery))
	defer phase.Stop()
	select {
	case <-stop:
		return
	case <-phase.C:
	}
	t := time.NewTicker(syncEvery)
	defer t.Stop()
	for {
		if err := w.sync(); err != nil {
			w.sink.fail(err)
			return
		}
		select {
		case <-stop:
			return
		case <-t.C:
		}
	}
}

func (w *writer) sync() error {
	began := time.Now()
	if err := w.j.sync(); err != nil {
		return err
	}
	w.m.sync.Observe(time.Since(began).Seconds())
	return nil
}

// end closes the journal: in order with what is left in the buffer, or after a failed write with a gap that says so,
// for which the reserved room is there.
func (w *writer) end(failure error) {
	err := failure
	if failure == nil || errors.Is(failure, ErrOverload) || errors.Is(failure, ErrFenced) {
		w.sink.close()
		err = w.j.finish(w.sink.drain(w.spare), w.now())
	} else {
		w.sink.fail(failure)
		if gap, gerr := jsonRecord(RecordGap, 0, w.now(), GapInfo{Reason: Storage}); gerr == nil {
			err = w.j.seal(appendRecord(nil, gap), w.now())
		}
	}
	if err != nil {
		w.sink.fail(fmt.Errorf("end journal: %w", err))
	}
}
