package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/policy"
	"parley/storage/object"
)

// askAgain is when to ask again for what is not at hand yet.
const askAgain = 10 * time.Second

// Why a sealed recording can't be shown for the time being. Both are policy.ErrUnavailable.
var (
	// ErrStoring says that the recording's files are only on the disk of the node that recorded them: the bucket has not got
	// them yet.
	ErrStoring = policy.ErrUnavailable.With("The recording is still being stored. Please try again shortly.",
		"录制内容仍在存储中，请稍后再试。").After(askAgain)
	errAway = policy.ErrUnavailable.With("The recording can't be reached for the moment. Please try again shortly.",
		"录制内容暂时无法读取，请稍后再试。").After(askAgain)
)

// readable says whether a recording's files can be read on this node: nil, or why not.
func (r *Recorder) readable(row Row) error {
	switch {
	case row.State == StateRecording:
		return policy.ErrConflict
	case !sealedState(row.State):
		return policy.ErrNotFound
	case row.Stored || row.Node == r.cfg.Node && r.hasFolder(row.ID):
		return nil
	}
	return ErrStoring
}

// away tells a bucket that does not answer from one that has not got what it confirmed, which only a person can mend.
func away(err error) error {
	for _, wrong := range []error{object.ErrNotFound, object.ErrDamaged, object.ErrKey, object.ErrRange, context.Canceled} {
		if errors.Is(err, wrong) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errAway, err)
}
