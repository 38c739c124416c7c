// Package bubble moves the clock of a test that runs in a bubble of testing/synctest, where time passes only when nobody has
// anything left to do. It imports nothing of ours, so that the tests of every package can use it.
package bubble
