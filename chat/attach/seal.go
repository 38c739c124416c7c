package attach

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/storage/keys"
	"parley/storage/object"
)

// An object is a chain of blocks, each of blockSize bytes but the last, each sealed by itself (AES-256-GCM):
//
//	block 0 ‖ tag │ block 1 ‖ tag │ … │ last block ‖ tag        nonce = 000 ‖ last? ‖ index, 64 bits
//
// The key is drawn from that of (conversation, sender) for this object alone, by its random name (HKDF, RFC 5869), so nonces
// never meet. A block that is moved, left out or cut off does not open, since its index, and whether it is the last, is in its nonce.
const (
	blockSize  = 64 << 10
	tagSize    = 16
	sealedSize = blockSize + tagSize
)

// sealedLength is how long n bytes are when they are sealed.
func sealedLength(n int64) int64 { return n + tagSize*((n+blockSize-1)/blockSize) }

// sealer seals one object and opens it.
type sealer struct {
	aead cipher.AEAD
	size int64 // of the plain text
}

// seals makes the key if need be; [policy.ErrGone] if the sender's words were erased for good (R2, R4).
func (s *Service) seals(ctx context.Context, id chat.ConversationID, owner identity.UserID) (keys.Key, error) {
	k, err := s.vault.Create(ctx, chat.BodyKey(id, owner))
	return k, erased(err)
}

// opens is seals for what was sealed before.
func (s *Service) opens(ctx context.Context, id chat.ConversationID, owner identity.UserID) (keys.Key, error) {
	k, err := s.vault.Open(ctx, chat.BodyKey(id, owner))
	return k, erased(err)
}

func erased(err error) error {
	if errors.Is(err, keys.ErrDestroyed) {
		return policy.ErrGone
	}
	if err != nil {
		return fmt.Errorf("open key: %w", err)
	}
	return nil
}

func newSealer(k keys.Key, o object.Key, size int64) (*sealer, error) {
	a, err := derive(k, "parley attachment v1 "+string(o))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(a)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return &sealer{aead, size}, nil
}

func derive(k keys.Key, info string) (cipher.Block, error) {
	b, err := hkdf.Key(sha256.New, k[:], nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return block, nil
}

func (s *sealer) nonce(block int64) []byte {
	n := make([]byte, 12)
	if (block+1)*blockSize >= s.size {
		n[3] = 1
	}
	binary.BigEndian.PutUint64(n[4:], uint64(block))
	return n
}

// length is that of a block in plain text.
func (s *sealer) length(block int64) int { return int(min(blockSize, s.size-block*blockSize)) }

// open appends to dst what whole sealed blocks hold, the first by its index.
func (s *sealer) open(dst, sealed []byte, block int64) ([]byte, error) {
	for ; len(sealed) > 0; block++ {
		n := s.length(block) + tagSize
		var err error
		if dst, err = s.aead.Open(dst, s.nonce(block), sealed[:n], nil); err != nil {
			return nil, fmt.Errorf("open block %d: %w", block, err)
		}
		sealed = sealed[n:]
	}
	return dst, nil
}

// sealed is a plain text as it is put: each block is sealed when it is read. It reads the same every time. Any goroutine may
// read it.
type sealed struct {
	*sealer
	plain io.ReaderAt

	mu    sync.Mutex
	buf   []byte // the last block that was read, sealed
	block int64
}

func (s *sealer) seal(plain io.ReaderAt) *sealed { return &sealed{sealer: s, plain: plain, block: -1} }

// Size is how long it is sealed.
func (s *sealed) Size() int64 { return sealedLength(s.size) }

// ReadAt implements [io.ReaderAt].
func (s *sealed) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(p) && off+int64(n) < s.Size() {
		at := off + int64(n)
		if err := s.load(at / sealedSize); err != nil {
			return n, err
		}
		n += copy(p[n:], s.buf[at%sealedSize:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *sealed) load(block int64) error {
	if block == s.block {
		return nil
	}
	s.block = -1
	if s.buf == nil {
		s.buf = make([]byte, 0, sealedSize)
	}
	plain := s.buf[:s.length(block)]
	if n, err := s.plain.ReadAt(plain, block*blockSize); n < len(plain) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read what is to be sealed: %w", err)
	}
	s.buf = s.aead.Seal(plain[:0], s.nonce(block), plain, nil)
	s.block = block
	return nil
}

// sealName seals a name for the row of its attachment (A4).
func sealName(k keys.Key, id ID, name string) ([]byte, error) {
	a, err := nameCipher(k)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, []byte(name), []byte(id)), nil
}

func openName(k keys.Key, id ID, sealed []byte) (string, error) {
	a, err := nameCipher(k)
	if err != nil {
		return "", err
	}
	plain, err := a.Open(nil, nil, sealed, []byte(id))
	if err != nil {
		return "", fmt.Errorf("open name: %w", err)
	}
	return string(plain), nil
}

func nameCipher(k keys.Key) (cipher.AEAD, error) {
	b, err := derive(k, "parley attachment name v1")
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return a, nil
}
