package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scenario is what is published, over and over.
type scenario struct {
	name     string
	pictures []picture
	length   time.Duration
}

// picture is one frame of video.
type picture struct {
	at      time.Duration
	packets []packetSpec
}

// packetSpec is one packet's payload.
type packetSpec struct {
	size  int
	after time.Duration // since the picture's first packet
}

// uniform is 300 packets a second of 1,100 bytes, ten to a picture.
func uniform() scenario {
	const pictures, packets, size = 30, 10, 1100
	s := scenario{name: "uniform", length: time.Second}
	for i := range pictures {
		p := picture{at: time.Duration(i) * time.Second / pictures}
		for range packets {
			p.packets = append(p.packets, packetSpec{size: size})
		}
		s.pictures = append(s.pictures, p)
	}
	return s
}

//go:embed trace.txt
var trace string

// recorded is what Chromium published, see trace.txt.
func recorded() (scenario, error) { return parseTrace(trace) }

// parseTrace reads a trace: a line a picture, with its time in milliseconds and the sizes of its packets' payloads, each
// followed by "+" and tenths of milliseconds since the first where it came later. "#" begins a comment, "length" gives
// the time after which it begins anew.
func parseTrace(text string) (scenario, error) {
	s := scenario{name: "browser"}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
			continue
		case words[0] == "length" && len(words) == 2:
			ms, err := strconv.ParseUint(words[1], 10, 32)
			if err != nil {
				return s, fmt.Errorf("trace, line %d: %w", n, err)
			}
			s.length = time.Duration(ms) * time.Millisecond //nolint:gosec // 32 bits
			continue
		}
		p, err := parsePicture(words)
		if err != nil {
			return s, fmt.Errorf("trace, line %d: %w", n, err)
		}
		s.pictures = append(s.pictures, p)
	}
	if n := len(s.pictures); n == 0 || s.length <= s.pictures[n-1].at {
		return s, fmt.Errorf("trace: %d pictures in %v", n, s.length)
	}
	return s, lines.Err()
}

func parsePicture(words []string) (picture, error) {
	ms, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil {
		return picture{}, err
	}
	p := picture{at: time.Duration(ms) * time.Millisecond} //nolint:gosec // 32 bits
	for _, w := range words[1:] {
		size, after, _ := strings.Cut(w, "+")
		var x packetSpec
		if x.size, err = strconv.Atoi(size); err != nil {
			return p, err
		}
		if x.size < 1 || x.size > 1500 {
			return p, fmt.Errorf("a packet of %d bytes", x.size)
		}
		if after != "" {
			tenths, err := strconv.ParseUint(after, 10, 32)
			if err != nil {
				return p, err
			}
			x.after = time.Duration(tenths) * time.Millisecond / 10 //nolint:gosec // 32 bits
		}
		p.packets = append(p.packets, x)
	}
	if len(p.packets) == 0 {
		return p, fmt.Errorf("no packets")
	}
	return p, nil
}
