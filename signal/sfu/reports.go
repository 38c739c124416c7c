package sfu

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// How often a publisher hears from us, and its subscribers of it.
const (
	feedbackEvery = 100 * time.Millisecond // transport-wide feedback
	reportEvery   = time.Second            // receiver and sender reports
	repairEvery   = 10 * time.Millisecond  // while something is missing
	keyFramePause = 500 * time.Millisecond // between two requests for one track
)

// feedbackSSRC is who sends our RTCP: a number that stands for nothing, as we send no media on "pub".
const feedbackSSRC = 1

// nudge has the reports goroutine look at the tracks now.
func (p *Peer) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// reports is the goroutine that sends a publishing peer its RTCP and its subscribers the sender reports.
func (p *Peer) reports() {
	r := &reporter{peer: p, asked: map[*track]time.Time{}, retry: retryAfter}
	timer := time.NewTimer(feedbackEvery)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-p.wake:
		case <-timer.C:
		}
		timer.Reset(r.tick(time.Now()))
	}
}

// reporter is what the reports goroutine remembers.
type reporter struct {
	peer     *Peer
	asked    map[*track]time.Time // when a key frame was asked for last
	fed      time.Time
	reported time.Time
	retry    time.Duration // for a retransmission to come
	nacks    []uint16
}

// tick sends what is due and says when to come again.
func (r *reporter) tick(now time.Time) time.Duration {
	r.peer.room.worker.conn.Flush() // nothing stays behind longer than this, whoever forgot it
	tracks := *r.peer.published.Load()
	wait := feedbackEvery
	var out []rtcp.Packet
	for _, t := range tracks {
		packet, again := r.repair(t, now)
		out = append(out, packet...)
		pli, pause := r.keyFrame(t, now)
		out = append(out, pli...)
		if again {
			wait = min(wait, repairEvery)
		}
		wait = min(wait, pause)
	}
	if now.Sub(r.reported) >= reportEvery {
		r.reported = now
		out = append(out, r.receptions(tracks, now)...)
		r.senders(tracks, now)
		r.forget(tracks)
		r.retry = retryFor(r.peer.roundTrip())
	}
	r.write(out, now)
	return wait
}

// roundTrip is the time to the publisher and back as ICE saw it last, zero when unknown.
func (p *Peer) roundTrip() time.Duration {
	pub := p.out.Load()
	if pub == nil || pub.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		return 0 // while a connection starts, Pion's statistics of it may not be read
	}
	pair, ok := pub.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

// write sends RTCP on "pub", with the feedback that is due.
func (r *reporter) write(out []rtcp.Packet, now time.Time) {
	pub := r.peer.out.Load()
	if pub == nil {
		return
	}
	if now.Sub(r.fed) >= feedbackEvery {
		r.fed = now
		out = append(out, pub.intake.feedback()...)
	}
	for _, packet := range out { // each by itself: together they may be longer than an MTU
		_ = pub.pc.WriteRTCP([]rtcp.Packet{packet}) // lost feedback is like lost packets
	}
}

// repair asks for what is missing; again says that there is more to come.
func (r *reporter) repair(t *track, now time.Time) ([]rtcp.Packet, bool) {
	nacks, again := t.due(now, r.retry, r.nacks[:0])
	r.nacks = nacks
	if len(nacks) == 0 {
		return nil, again
	}
	t.metrics.nacksOut.Add(float64(len(nacks)))
	return []rtcp.Packet{&rtcp.TransportLayerNack{SenderSSRC: feedbackSSRC, MediaSSRC: t.info.SSRC,
		Nacks: rtcp.NackPairsFromSequenceNumbers(nacks)}}, again
}

// due is what the track misses now; what is given up is written down.
func (t *track) due(now time.Time, retry time.Duration, nacks []uint16) ([]uint16, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	nacks, given := t.repair.due(now, retry, nacks)
	t.abandon(given, now)
	return nacks, t.repair.pending()
}

// keyFrame asks for a key frame if one is wanted and the last request is long enough ago; else it says in how long.
func (r *reporter) keyFrame(t *track, now time.Time) ([]rtcp.Packet, time.Duration) {
	if !t.keyFrame.Load() {
		return nil, feedbackEvery
	}
	if pause := keyFramePause - now.Sub(r.asked[t]); pause > 0 && !r.asked[t].IsZero() {
		return nil, pause
	}
	t.keyFrame.Store(false)
	r.asked[t] = now
	t.metrics.plisOut.Inc()
	return []rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: feedbackSSRC, MediaSSRC: t.info.SSRC}}, feedbackEvery
}

// receptions makes the receiver report of all tracks.
func (r *reporter) receptions(tracks []*track, now time.Time) []rtcp.Packet {
	rr := &rtcp.ReceiverReport{SSRC: feedbackSSRC}
	for _, t := range tracks {
		t.mu.Lock()
		block, ok := t.heard.block(t.info.SSRC, now)
		t.mu.Unlock()
		if ok {
			rr.Reports = append(rr.Reports, block)
		}
	}
	if len(rr.Reports) == 0 {
		return nil
	}
	return []rtcp.Packet{rr}
}

// senders sends each subscriber the tracks' clocks, and asks again for the key frames that some still wait for.
func (r *reporter) senders(tracks []*track, now time.Time) {
	for _, t := range tracks {
		for _, s := range *t.slots.Load() {
			if s.waiting() {
				t.requestKeyFrame()
			}
			s.tellClock(t, now)
		}
	}
}

// tellClock sends the subscriber a sender report.
func (s *slot) tellClock(t *track, now time.Time) {
	sr := s.report(t, now)
	if sr == nil {
		return
	}
	if pc := s.owner.in.Load(); pc != nil {
		_ = pc.WriteRTCP([]rtcp.Packet{sr}) // the next one follows
	}
}

// forget drops what is remembered of tracks that have ended.
func (r *reporter) forget(tracks []*track) {
	for t := range r.asked {
		found := false
		for _, x := range tracks {
			found = found || x == t
		}
		if !found {
			delete(r.asked, t)
		}
	}
}
