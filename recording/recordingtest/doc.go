// Package recordingtest has what tests of recordings need: the suite for every [recording.Store], doubles of store and
// bucket that fail on demand, and participants whose microphones and cameras send real RTP. It is not for products.
package recordingtest
