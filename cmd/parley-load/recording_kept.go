package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pion/rtp"

	"parley/internal/identity"
	"parley/internal/server"
	"parley/recording"
	"parley/storage/db"
	"parley/storage/keys/sql"
	"parley/storage/object/fs"
)

// kept is what the journals of one person hold.
type kept struct {
	seqs  map[uint32][]uint16 // by SSRC, in the order of the journal
	bytes int64
	spans time.Duration // of the recordings
}

// sent counts the packets of a person.
func (k *kept) sent(p *person) (n int) {
	for _, s := range p.sent.streams {
		n += len(s.at)
	}
	return n
}

// lost counts those of them that are not in the journal.
func (k *kept) lost(p *person) (n int) {
	for ssrc, s := range p.sent.streams {
		n += missing(s.held(k.seqs[ssrc]))
	}
	return n
}

// tornOff is what is missing at the end of the worst track; see [sentStream.tornOff].
func (k *kept) tornOff(p *person, until time.Duration) (worst time.Duration) {
	for ssrc, s := range p.sent.streams {
		worst = max(worst, s.tornOff(s.held(k.seqs[ssrc]), until))
	}
	return worst
}

// archive is the part of a server's data that its keys, rows and recordings are read from when it does not run. The names
// in the folder are those of internal/server.
type archive struct {
	recorder *recording.Recorder
	close    func() error
	into     *kept // of the journal being read
}

func openArchive(ctx context.Context, data string) (*archive, error) {
	name, err := os.ReadFile(filepath.Join(data, "node"))
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	vault, err := server.OpenVault(ctx, server.Engines{}, filepath.Join(data, server.KeysFolder), sql.Config{})
	if err != nil {
		return nil, err
	}
	bucket, err := fs.Open(filepath.Join(data, "objects"), fs.Config{})
	if err != nil {
		return nil, errors.Join(err, vault.Close())
	}
	rows, err := db.OpenSQLite(ctx, filepath.Join(data, "parley.db"))
	if err != nil {
		return nil, errors.Join(err, bucket.Close(), vault.Close())
	}
	a := &archive{close: func() error { return errors.Join(rows.Close(), bucket.Close(), vault.Close()) }}
	a.recorder = recording.New(recording.Config{Dir: filepath.Join(data, "recordings"), Store: rows.Recordings(),
		Bucket: bucket, Vault: vault, Mux: a.count, Node: strings.TrimSpace(string(name))})
	return a, nil
}

// count is a muxer that makes no file.
func (a *archive) count(ctx context.Context, m recording.Media, _ recording.Output) error {
	return m.Records(ctx, func(r recording.Record) error {
		if r.Kind != recording.RecordPacket {
			return nil
		}
		var h rtp.Header
		if _, err := h.Unmarshal(r.Payload); err != nil {
			return fmt.Errorf("read packet: %w", err)
		}
		a.into.seqs[h.SSRC] = append(a.into.seqs[h.SSRC], h.SequenceNumber)
		a.into.bytes += int64(len(r.Payload))
		return nil
	})
}

// read gives what is kept of a person; an interview has a recording for each time that recording began.
func (a *archive) read(ctx context.Context, p *person) (*kept, []recording.Info, error) {
	list, err := a.recorder.List(ctx, p.interview)
	if err != nil {
		return nil, nil, err
	}
	a.into = &kept{seqs: map[uint32][]uint16{}}
	for _, info := range list {
		f, err := a.recorder.Derive(ctx, info.ID, identity.UserID(p.user))
		if err != nil {
			return nil, nil, err
		}
		if err := f.Close(); err != nil {
			return nil, nil, err
		}
		a.into.spans += info.Duration
	}
	return a.into, list, nil
}

// read stops the server and calls f with what it kept of each person; it counts the recordings.
func (h *hall) read(ctx context.Context, f func(*person, *kept)) (recordings int, err error) {
	people := h.people
	h.leave()
	if err := h.stop(); err != nil {
		return 0, err
	}
	a, err := openArchive(ctx, h.data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	seen := map[recording.ID]bool{}
	for _, p := range people {
		k, list, err := a.read(ctx, p)
		if err != nil {
			return 0, fmt.Errorf("read recording: %w", err)
		}
		f(p, k)
		for _, info := range list {
			seen[info.ID] = true
		}
	}
	return len(seen), nil
}
