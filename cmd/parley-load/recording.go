package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// recordingCommand measures interviews that are recorded, and what is lost of them when the server is killed.
type recordingCommand struct {
	common
	Interviews int    `default:"10" help:"How many run at once, each with two people who both send picture and sound."`
	Dir        string `placeholder:"DIR" help:"Where the server puts its data; the system's folder for temporary files."`
}

// Run has one server finish its interviews and kills another.
func (c recordingCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Target != "" {
		return fmt.Errorf("recording can't load a running server: it kills one, and reads what it kept: %w", errUsage)
	}
	if c.Seconds < 1 || c.Interviews < 1 {
		return fmt.Errorf("there must be a second and an interview at least: %w", errUsage)
	}
	if c.Dir == "" {
		c.Dir = os.TempDir()
	}
	f, load := recordingFigures{}, loadAverage()
	var err error
	if f.synced, err = measureSync(c.Dir); err != nil {
		return err
	}
	if f.sealed, err = sealSpeed(); err != nil {
		return err
	}
	for _, run := range []func(context.Context, *hall, *recordingFigures) error{c.finish, c.kill} {
		if err := c.inFolder(ctx, &f, run); err != nil {
			return err
		}
	}
	return c.print(out, []row{f.row(c.Interviews)}, []string{"",
		"Each interview: two people who send VP8 of 320×180 at 30 pictures a second and Opus, forwarded and recorded; the server alone on one processor.",
		"lost_packets: sent after the first that is in the journal, not in it, in interviews that ended in order.",
		"kill_loss_ms_max: by how much the last packet before kill -9 was sent after the last one that is in the recovered journal; the worst track.",
		fmt.Sprintf("Data in %s on %s; a synced page takes %.2f ms (p99); AES-256-GCM seals %.0f MB/s. Load average before: %s.",
			c.Dir, fileSystem(c.Dir), milliseconds(f.synced), f.sealed, load),
		machine(),
	})
}

// recordingFigures are what both runs came to.
type recordingFigures struct {
	recordings       int
	elapsed, cpu     time.Duration
	rss              int64
	sent, lost       int
	bytes            int64         // of RTP in the journals
	spans            time.Duration // of them, each person's
	tornOff          time.Duration
	recovery, synced time.Duration
	sealed           float64 // MB/s
}

func (f recordingFigures) row(interviews int) row {
	n := float64(interviews)
	return row{
		{"scenario", "two-publishers"},
		{"recordings", f.recordings},
		{"cpu_pct_per_interview", rounded(100*f.cpu.Seconds()/f.elapsed.Seconds()/n, 2)},
		{"rss_mb_per_interview", rounded(float64(f.rss)/(1<<20)/n, 2)},
		{"sent_packets", f.sent},
		{"lost_packets", f.lost},
		{"kill_loss_ms_max", milliseconds(f.tornOff)},
		{"recovery_ms", milliseconds(f.recovery)},
		{"kbit_per_s_per_person", rounded(float64(f.bytes)*8/1000/f.spans.Seconds(), 0)},
		{"fsync_p99_ms", milliseconds(f.synced)},
		{"seal_mb_per_s", rounded(f.sealed, 0)},
	}
}

// inFolder gives a run a server with fresh data and people to fill it.
func (c recordingCommand) inFolder(ctx context.Context, f *recordingFigures, run func(context.Context, *hall, *recordingFigures) error) (err error) {
	h := &hall{}
	if h.data, err = os.MkdirTemp(c.Dir, "parley-load-"); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(h.data)) }()
	defer h.close()
	if err := h.serve(ctx); err != nil {
		return err
	}
	return run(ctx, h, f)
}

// finish runs all interviews to their end.
func (c recordingCommand) finish(ctx context.Context, h *hall, f *recordingFigures) error {
	empty, err := h.server.usage()
	if err != nil {
		return err
	}
	if err := h.fill(ctx, c.Interviews); err != nil {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := h.server.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, c.duration()); err != nil {
		return err
	}
	after, err := h.server.usage()
	if err != nil {
		return err
	}
	f.elapsed, f.cpu, f.rss = time.Since(began), after.cpu-before.cpu, after.rss-empty.rss
	if err := h.end(ctx); err != nil {
		return err
	}
	f.recordings, err = h.read(ctx, func(p *person, k *kept) {
		f.sent, f.lost = f.sent+k.sent(p), f.lost+k.lost(p)
		f.bytes, f.spans = f.bytes+k.bytes, f.spans+k.spans
	})
	return err
}

// kill ends the server in the middle of all interviews, lets another one find what it left, and reads that.
func (c recordingCommand) kill(ctx context.Context, h *hall, f *recordingFigures) error {
	if err := h.fill(ctx, c.Interviews); err != nil {
		return err
	}
	if err := pause(ctx, c.duration()); err != nil {
		return err
	}
	killed := time.Since(began)
	h.crash()
	again := time.Now()
	if err := h.serve(ctx); err != nil {
		return fmt.Errorf("after the kill: %w", err)
	}
	f.recovery = time.Since(again)
	_, err := h.read(ctx, func(p *person, k *kept) { f.tornOff = max(f.tornOff, k.tornOff(p, killed)) })
	return err
}

// sealSpeed is how many MB a second one processor seals in blocks as a journal's.
func sealSpeed() (float64, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return 0, fmt.Errorf("measure sealing: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return 0, fmt.Errorf("measure sealing: %w", err)
	}
	const size, long = 8 << 10, 100 * time.Millisecond
	plain, nonce := make([]byte, size, size+gcm.Overhead()), make([]byte, gcm.NonceSize())
	runtime.LockOSThread() // its processor time is what counts: others may be at work here
	defer runtime.UnlockOSThread()
	began, sealed := threadTime(), 0
	for threadTime()-began < long {
		gcm.Seal(plain[:0], nonce, plain, nil)
		sealed += size
	}
	return float64(sealed) / 1e6 / (threadTime() - began).Seconds(), nil
}
