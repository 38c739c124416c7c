package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"parley/internal/chain"
	"parley/internal/identity"
)

// Record is one entry as it is stored: what names a person is sealed.
type Record struct {
	Seq    uint64    // dense from 1
	Time   time.Time // whole microseconds, UTC
	Role   identity.Role
	Action string
	Sealed []byte
	Prev   chain.Hash // zero for the first
	Hash   chain.Hash
}

// Store keeps the records. Any goroutine may call it. The conformance suite is audittest.
type Store interface {
	// Append calls f with the last record (zero when there is none) and stores the one that f returns, in one
	// transaction: concurrent calls are one after the other. It returns when the record is durable. After an error of
	// f nothing is stored; after another one the outcome is unknown, and the chain is whole either way.
	Append(ctx context.Context, f func(last Record) (Record, error)) error
	// Read returns up to limit records after a sequence number, ascending.
	Read(ctx context.Context, after uint64, limit int) ([]Record, error)
	// Last returns the last record, zero when there is none.
	Last(ctx context.Context) (Record, error)
}

// sum is the hash that the record must have.
func (r Record) sum() chain.Hash {
	var b []byte
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time.UnixMicro()))
	b = appendField(b, []byte(r.Role))
	b = appendField(b, []byte(r.Action))
	b = appendField(b, r.Sealed)
	return chain.Next(r.Prev, sha256.Sum256(b))
}

func appendField(b, field []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}
