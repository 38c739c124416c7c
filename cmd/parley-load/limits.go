package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"parley/signal/sfu/udp"
)

// limits are what the machine's parts cost a packet, in microseconds, measured on the server's processor.
type limits struct {
	Sendto    float64 `json:"sendto"`    // a system call each
	Segmented float64 `json:"segmented"` // ten by one system call
	Seal      float64 `json:"seal"`      // AES-128-GCM
}

// The packets that they are measured with.
const (
	limitSize  = 1136 // 1,100 bytes of payload, header and tag
	limitBurst = 10
	limitFor   = 300 * time.Millisecond
)

// measureLimits has a process of its own measure, where the server will be.
func measureLimits(ctx context.Context) (limits, error) {
	var l limits
	p, err := startServer(ctx, &l, "limits")
	if err != nil {
		return l, err
	}
	return l, p.stop()
}

// limitsCommand measures them.
type limitsCommand struct{}

// Run measures and ends.
func (limitsCommand) Run(out io.Writer) error {
	var l limits
	var err error
	if l.Sendto, err = sending(true); err != nil {
		return err
	}
	if l.Segmented, err = sending(false); err != nil {
		return err
	}
	if l.Seal, err = sealing(); err != nil {
		return err
	}
	return sayReady(out, l)
}

// sending is the time a packet takes to send to a socket on loopback, in bursts; taking it out again is not counted.
func sending(plain bool) (float64, error) {
	var sockets [2]*net.UDPConn
	for i := range sockets {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return 0, fmt.Errorf("measure sending: %w", err)
		}
		defer s.Close()
		sockets[i] = s
	}
	from, to := udp.New(sockets[0], udp.Config{Plain: plain}), udp.New(sockets[1], udp.Config{})
	packet, at := make([]byte, limitSize), to.LocalAddrPort()
	packet[0] = 0x80
	runtime.LockOSThread() // its processor time is what counts: others may be at work here
	defer runtime.UnlockOSThread()
	var spent time.Duration
	count := 0
	for spent < limitFor {
		began := threadTime()
		for range limitBurst {
			if _, err := from.WriteToAddrPort(packet, at); err != nil {
				return 0, fmt.Errorf("measure sending: %w", err)
			}
		}
		from.Flush()
		spent += threadTime() - began
		count += limitBurst
		for range limitBurst {
			if _, _, err := to.ReadFromAddrPort(packet); err != nil {
				return 0, fmt.Errorf("measure sending: %w", err)
			}
		}
	}
	return perPacket(spent, count), nil
}

func sealing() (float64, error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return 0, fmt.Errorf("measure sealing: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return 0, fmt.Errorf("measure sealing: %w", err)
	}
	const header = 12
	packet, nonce := make([]byte, limitSize), make([]byte, gcm.NonceSize())
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, count := threadTime(), 0
	for threadTime()-began < limitFor/3 {
		for range limitBurst {
			gcm.Seal(packet[header:header], nonce, packet[header:limitSize-gcm.Overhead()], packet[:header])
			count++
		}
	}
	return perPacket(threadTime()-began, count), nil
}

func perPacket(d time.Duration, packets int) float64 {
	return rounded(float64(d.Nanoseconds())/1e3/float64(max(packets, 1)), 2)
}
