// Package testlog keeps what is logged for a test that reads it while it is written. It is a buffer and no more: who logs, and
// in which form, is the test's matter. It imports nothing of ours, so that the tests of every package can use it.
package testlog
