package recording

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parley/internal/chain"
	"parley/signal/wire"
)

// SignedHead is the content of head.json: the receipt that participants get, with the public key that verifies it.
type SignedHead struct {
	wire.ReceiptHead
	PublicKey []byte `json:"public_key"`
}

// headMessage is what the head's signature covers.
func headMessage(h wire.ReceiptHead) []byte {
	return []byte("parley recording head v1\n" + h.Recording + "\n" + h.Head + "\n" +
		strconv.FormatUint(h.Entries, 10) + "\n" + h.Time.UTC().Format(time.RFC3339Nano) + "\n")
}

// VerifyHead checks the signature of a head: nil, or why not (chain.ErrWrongKey, chain.ErrBadSignature).
func VerifyHead(pub ed25519.PublicKey, h wire.ReceiptHead) error {
	return chain.Verify(pub, headMessage(h), chain.Signature{Key: chain.KeyID(h.Key), Bytes: h.Signature})
}

// errHead says that bytes are no head in the form that this package writes.
var errHead = errors.New("recording: malformed head")

// encodeHead is the one form of head.json.
func encodeHead(h SignedHead) ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	return append(b, '\n'), nil
}

// parseHead decodes head.json and refuses any other form of the same content.
func parseHead(b []byte) (SignedHead, error) {
	var h SignedHead
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errHead, err)
	}
	again, err := encodeHead(h)
	if err != nil || !bytes.Equal(again, b) {
		return h, fmt.Errorf("%w: not in canonical form", errHead)
	}
	return h, nil
}
