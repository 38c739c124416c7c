//go:build unix

package gateway

import "golang.org/x/sys/unix"

const canAwait = true

// await returns when there is something to read, or an error to be had by reading.
func (m *meter) await() { _ = m.raw.Read(readable) }

// readable says whether a read would not wait.
func readable(fd uintptr) bool {
	ask := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(ask[:], 0)
	return n > 0 || err != nil && err != unix.EINTR
}
