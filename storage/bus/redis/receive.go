package redis

import (
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"parley/storage/bus"
)

// silence is more than a link that works is ever without a message, its probes among them.
func (b *Bus) silence() time.Duration { return (maxMissed+2)*b.cfg.Probe + commandTimeout }

// read takes what comes for the node until the link is closed or broken. It waits for nobody.
func (b *Bus) read(l *link) error {
	for {
		m, err := l.sub.ReceiveTimeout(l.ctx, b.silence())
		if l.ctx.Err() != nil {
			return errEnded
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if m, ok := m.(*goredis.Message); ok {
			if err := b.receive(l, []byte(m.Payload)); err != nil {
				b.metrics.unreadable.Inc()
			}
		}
	}
}

// receive takes one envelope.
func (b *Bus) receive(l *link, sealed []byte) error {
	plain, err := b.secrets.open(channel(b.cfg.Node), sealed)
	if err != nil {
		return err
	}
	if len(plain) == 0 {
		return errEnvelope
	}
	switch plain[0] {
	case envelopeRecords:
		return b.receiveRecords(plain[1:])
	case envelopeProbe:
		return b.receiveProbe(l, plain[1:])
	case envelopeResync:
		b.tellResync()
		return nil
	}
	return errEnvelope
}

func (b *Bus) receiveProbe(l *link, body []byte) error {
	p, err := decodeProbe(body)
	if err == nil && p.link == l.id {
		l.seen.Store(p.number)
		b.heard.Store(time.Now().UnixNano())
	}
	return err
}

// receiveRecords finds out for whom records are. Those whose users have left meanwhile are for nobody.
func (b *Bus) receiveRecords(body []byte) error {
	records, err := decodeRecords(body)
	for _, r := range records {
		users := b.attached.named(r.names)
		if len(r.names) == 0 || len(users) > 0 {
			b.enqueue(bus.Message{Users: users, Payload: r.payload})
		}
	}
	return err
}
