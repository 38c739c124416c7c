//go:build !unix

package gateway

const canAwait = false

func (m *meter) await() {}
