package file

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// signer is the signing key with those that signed before it. Wrapped it is seed(32), in version 1 nothing else, then
// since(8) and for each former key public(32) ‖ since(8) ‖ until(8), the oldest first: one file, so that a new key and
// the public half of the old one become durable in one step.
type signer struct {
	key    ed25519.PrivateKey
	since  time.Time
	former []keys.PublicKey
}

const formerSize = ed25519.PublicKeySize + 16

func (s *signer) public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

func (s *signer) encode() []byte {
	b := appendMoment(append([]byte(nil), s.key.Seed()...), s.since)
	for _, k := range s.former {
		b = appendMoment(appendMoment(append(b, k.Key...), k.Since), k.Until)
	}
	return b
}

func decodeSigner(b []byte) (*signer, error) {
	if len(b) < ed25519.SeedSize {
		return nil, wrap.ErrDamaged
	}
	s := &signer{key: ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])}
	if b = b[ed25519.SeedSize:]; len(b) == 0 {
		return s, nil
	}
	if len(b)%formerSize != 8 {
		return nil, wrap.ErrDamaged
	}
	s.since, b = moment(b), b[8:]
	for ; len(b) > 0; b = b[formerSize:] {
		public := ed25519.PublicKey(append([]byte(nil), b[:ed25519.PublicKeySize]...))
		s.former = append(s.former, keys.PublicKey{Key: public, Since: moment(b[32:]), Until: moment(b[40:])})
	}
	return s, nil
}

func appendMoment(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(wrap.Micros(t)))
}

func moment(b []byte) time.Time { return wrap.FromMicros(int64(binary.BigEndian.Uint64(b))) }

func newSigner(since time.Time, former []keys.PublicKey) *signer {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return &signer{key: ed25519.NewKeyFromSeed(seed), since: since, former: former}
}

// loadSigning reads the signing key, or makes it.
func (v *Vault) loadSigning(context.Context) error {
	path, ring := filepath.Join(v.dir, signingFile), v.ring.Load()
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		file = ring.Seal(wrap.Signing, wrap.NameHash{}, newSigner(time.Now(), nil).encode())
		err = v.disk.writeNew(v.tmp(), path, file)
	}
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	_, plain, err := ring.Open(file, wrap.NameHash{}, wrap.Signing)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	s, err := decodeSigner(plain)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	v.signing.Store(s)
	return nil
}

// RotateSigning implements [keys.Rotator]. A crash leaves the old key or the new one. When it fails, the new key may
// stand on the disk while the old one signs on; it will be the one after the next start, or be replaced by repeating
// the call. Heads that the old key signed meanwhile carry a moment after its Until.
func (v *Vault) RotateSigning(ctx context.Context) error {
	if err := v.usable(ctx); err != nil {
		return fmt.Errorf("rotate signing key: %w", err)
	}
	v.rotating.Lock()
	defer v.rotating.Unlock()
	old, now := v.signing.Load(), time.Now()
	former := append(append([]keys.PublicKey(nil), old.former...), keys.PublicKey{Key: old.public(), Since: old.since, Until: now})
	next := newSigner(now, former)
	file := v.ring.Load().Seal(wrap.Signing, wrap.NameHash{}, next.encode())
	if err := v.replace(filepath.Join(v.dir, signingFile), file); err != nil {
		return fmt.Errorf("rotate signing key: %w", err)
	}
	v.signing.Store(next)
	return nil
}

// PublicKeys implements [keys.Rotator].
func (v *Vault) PublicKeys(ctx context.Context) ([]keys.PublicKey, error) {
	if err := v.usable(ctx); err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	s := v.signing.Load()
	return append(append([]keys.PublicKey(nil), s.former...), keys.PublicKey{Key: s.public(), Since: s.since}), nil
}
