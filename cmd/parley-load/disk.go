package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Bounds of what is measured of a disk.
const (
	syncSize  = 4096
	syncCount = 400
	syncFor   = 2 * time.Second
)

// measureSync is the 99th percentile of appending a page to a file in the folder and syncing it.
func measureSync(dir string) (p99 time.Duration, err error) {
	f, err := os.CreateTemp(dir, "parley-load-sync-")
	if err != nil {
		return 0, fmt.Errorf("measure disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page, took := make([]byte, syncSize), []time.Duration(nil)
	for began := time.Now(); len(took) < syncCount && time.Since(began) < syncFor; {
		one := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("measure disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure disk: %w", err)
		}
		took = append(took, time.Since(one))
	}
	slices.Sort(took)
	return percentile(took, 0.99), nil
}

// percentile is of what is sorted; 0 of nothing.
func percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return rounded(float64(d.Microseconds())/1e3, 2) }
