package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"parley/signal/wire"
)

// errFlood says that far more came than messages are made of.
var errFlood = errors.New("gateway: too much beside messages")

// meter is the connection beneath a WebSocket. It counts what has come since the last message, and reads no more than a message
// and what may stand around it. It lends buffers while there is something in them, so that a connection on which nothing comes
// holds none. One goroutine at a time reads; any may write, and what is written at once stays together.
type meter struct {
	net.Conn
	raw  syscall.RawConn // nil: one can't wait for bytes without reading
	came atomic.Int64

	ahead []byte            // read and not given out yet
	lent  *[aheadBytes]byte // beneath ahead
	above *bufio.Reader     // that reads from here
}

const (
	aheadBytes   = 4 << 10
	smallBuffer  = 16  // what a bufio.Reader has at least; frames' heads fit
	controlFrame = 128 // holds any control frame that a server sends (RFC 6455, 5.5)
)

var aheadBuffers = sync.Pool{New: func() any { return new([aheadBytes]byte) }}

// newMeter takes over a hijacked connection with what the HTTP server has read ahead: the first byte of a hasty client's first
// frame as a rule.
func newMeter(hijacked net.Conn, ahead []byte) *meter {
	m := &meter{Conn: hijacked, ahead: bytes.Clone(ahead)}
	if c, ok := hijacked.(*net.TCPConn); ok && canAwait {
		m.raw, _ = c.SyscallConn()
	}
	return m
}

// buffers are those that the WebSocket gets. Its data frames are written past the one for writing, see [session.flush].
func (m *meter) buffers() *bufio.ReadWriter {
	m.above = bufio.NewReaderSize(m, smallBuffer)
	return bufio.NewReadWriter(m.above, bufio.NewWriterSize(m, controlFrame))
}

// buffered says whether something was read that was not asked for yet. Only who may read may ask.
func (m *meter) buffered() bool { return len(m.ahead) > 0 || m.above.Buffered() > 0 }

func (m *meter) Read(b []byte) (int, error) {
	if m.came.Load() > wire.MaxMessage+besideBurst {
		return 0, errFlood
	}
	if len(m.ahead) == 0 && (m.raw == nil || len(b) >= aheadBytes) {
		n, err := m.Conn.Read(b)
		m.came.Add(int64(n))
		return n, err
	}
	if len(m.ahead) == 0 {
		if err := m.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, m.ahead)
	if m.ahead = m.ahead[n:]; len(m.ahead) == 0 {
		m.giveBack()
	}
	return n, nil
}

func (m *meter) fill() error {
	m.lent = aheadBuffers.Get().(*[aheadBytes]byte)
	n, err := m.Conn.Read(m.lent[:])
	m.came.Add(int64(n))
	if n == 0 {
		m.giveBack()
		return err
	}
	m.ahead = m.lent[:n]
	return nil
}

func (m *meter) giveBack() {
	m.ahead = nil
	if m.lent != nil {
		aheadBuffers.Put(m.lent)
		m.lent = nil
	}
}
