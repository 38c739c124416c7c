package recording

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"parley/storage/keys"
)

// Layout of a journal: a file header, then blocks.
//
//	header  "PARLEYJ1" ‖ epoch(4) ‖ 0(4) ‖ salt(32)
//	block   length(4) ‖ flags(1) ‖ AES-256-GCM ciphertext and tag (length bytes together)
const (
	journalMagic = "PARLEYJ1"
	saltSize     = 32
	headerSize   = len(journalMagic) + 4 + 4 + saltSize
	blockHead    = 4 + 1
	tagSize      = 16
	// MaxBlock is the longest sealed block, without its head.
	MaxBlock = 256 << 10
	// flagFinal marks the last block of a journal that ended in order.
	flagFinal = 1
)

// Errors of reading a journal.
var (
	// ErrTorn says that a journal ends within a block, as after a kill; all before it was read.
	ErrTorn = errors.New("recording: journal is torn")
	// ErrSealed says that a block does not authenticate: wrong key, or changed bytes.
	ErrSealed = errors.New("recording: block does not authenticate")
	// ErrFormat says that bytes are no journal of this format.
	ErrFormat = errors.New("recording: not a journal")
)

type header [headerSize]byte

func newHeader(epoch uint32, salt [saltSize]byte) (h header) {
	copy(h[:], journalMagic)
	binary.BigEndian.PutUint32(h[len(journalMagic):], epoch)
	copy(h[headerSize-saltSize:], salt[:])
	return h
}

func (h header) check() error {
	if string(h[:len(journalMagic)]) != journalMagic || binary.BigEndian.Uint32(h[12:]) != 0 {
		return ErrFormat
	}
	return nil
}

// blockCipher seals, or opens, the blocks of one journal in their order. The nonce is a counter with a final bit, so
// no nonce is used twice under a key: the key is of one file, by its salt. Each block authenticates the tag before it.
type blockCipher struct {
	aead    cipher.AEAD
	ad      []byte // what all blocks share, then block head and previous tag
	shared  int
	counter uint64
	nonce   [12]byte
}

func newBlockCipher(k keys.Key, id ID, p ParticipantID, h header) (*blockCipher, error) {
	aead, err := newAEAD(k, h[headerSize-saltSize:], "parley journal v1")
	if err != nil {
		return nil, err
	}
	ad := append([]byte("parley journal v1\x00"), id...)
	ad = append(append(append(ad, 0), p...), 0)
	ad = append(ad, h[:]...)
	c := &blockCipher{aead: aead, shared: len(ad)}
	c.ad = append(ad, make([]byte, blockHead+tagSize)...)
	return c, nil
}

// newAEAD is AES-256-GCM under a key that HKDF-SHA-256 derives for one use.
func newAEAD(k keys.Key, salt []byte, use string) (cipher.AEAD, error) {
	sub, err := hkdf.Key(sha256.New, k[:], salt, use, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	b, err := aes.NewCipher(sub)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(b)
}

// resume goes on after blocks blocks, the last of which ended in tag.
func (c *blockCipher) resume(blocks uint64, tag []byte) {
	c.counter = blocks
	copy(c.ad[c.shared+blockHead:], tag)
}

// state is what resume takes.
func (c *blockCipher) state() (blocks uint64, tag [tagSize]byte) {
	return c.counter, [tagSize]byte(c.ad[c.shared+blockHead:])
}

// prepare sets nonce and associated data for the next block.
func (c *blockCipher) prepare(head []byte) {
	copy(c.ad[c.shared:], head)
	binary.BigEndian.PutUint64(c.nonce[3:], c.counter)
	c.nonce[11] = head[4] & flagFinal
}

func (c *blockCipher) advance(block []byte) {
	c.counter++
	copy(c.ad[c.shared+blockHead:], block[len(block)-tagSize:])
}

// seal appends the next block with plain to dst.
func (c *blockCipher) seal(dst, plain []byte, final bool) []byte {
	from := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(plain)+tagSize))
	dst = append(dst, 0)
	if final {
		dst[from+4] = flagFinal
	}
	c.prepare(dst[from : from+blockHead])
	dst = c.aead.Seal(dst, c.nonce[:], plain, c.ad)
	c.advance(dst)
	return dst
}

// open opens the next block in place.
func (c *blockCipher) open(head, body []byte) ([]byte, error) {
	c.prepare(head)
	tag := [tagSize]byte(body[len(body)-tagSize:])
	plain, err := c.aead.Open(body[:0], c.nonce[:], body, c.ad)
	if err != nil {
		return nil, ErrSealed
	}
	c.advance(tag[:])
	return plain, nil
}

// blockLength checks a block's head and gives the length of what follows it.
func blockLength(head []byte) (int, error) {
	n := binary.BigEndian.Uint32(head)
	if n < tagSize || n > MaxBlock || head[4]&^flagFinal != 0 {
		return 0, fmt.Errorf("%w: block of %d bytes, flags %d", ErrFormat, n, head[4])
	}
	return int(n), nil
}
