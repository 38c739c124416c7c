// Package mux makes playable files of journals: WebM with VP8, VP9 and Opus as they were sent.
//
// # Shape
//
// A journal is read twice. The first reading (scan.go) finds the runs (a run is one published track from its start to
// its end), the sizes of pictures, and how each run's RTP clock maps to the recording's clock (clock.go). The second puts
// packets in order (order.go), makes frames of them (frames.go), sorts the frames of all runs by time (merge.go) and
// writes clusters (webm.go).
//
// Runs of one kind and codec share a track of the file: a reload is a jump in time, not another track. Time 0 is the
// recording's start on the server's clock, so that the files of one recording play side by side. Because some players
// move a file's first block to 0, a file whose first block would come later begins with a frame of silence, or a black
// picture of 16×16 where nobody spoke; it is part of the playable file only, never of the evidence.
//
// # What it is not
//
// Nothing is transcoded and no loss is hidden: after a gap the picture stops until the next key frame.
package mux
