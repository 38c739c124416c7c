package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/storage/object"
)

// canaryTime is how long a whole proof may take.
const canaryTime = 2 * time.Minute

// canarySoon is the time until a proof that failed is tried again.
const canarySoon = time.Minute

// health is what the last canary found.
type health struct {
	mu  sync.Mutex
	err error
}

// Health is nil while the last canary held, or why it did not.
func (b *Bucket) Health() error {
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	return b.health.err
}

// Run proves the store once an hour until the context ends. What does not hold is logged, is 0 in
// parley_object_canary_ok and stands in [Bucket.Health]; it is tried again after a minute. A store that was opened while
// nobody answered (Config.Await) is proven as soon as it answers; if it is refused then, Run ends with the reason.
func (b *Bucket) Run(ctx context.Context) error {
	if err := b.awaitProof(ctx); err != nil {
		return err
	}
	for {
		next := b.cfg.Canary
		if b.Health() != nil {
			next = min(next, canarySoon)
		}
		if err := wait(ctx, next); err != nil {
			return nil
		}
		if err := b.Canary(ctx); err != nil && ctx.Err() == nil {
			b.cfg.Log.ErrorContext(ctx, "object store is not proven", "err", err)
		}
	}
}

// canaryAwait is the time between two tries to reach a store that is awaited.
const canaryAwait = 5 * time.Second

func (b *Bucket) awaitProof(ctx context.Context) error {
	for b.unproven.Load() {
		if err := wait(ctx, min(canaryAwait, b.cfg.Canary)); err != nil {
			return nil // it was told to end
		}
		err := b.prove(ctx)
		switch {
		case err == nil:
			b.unproven.Store(false)
			b.cfg.Log.InfoContext(ctx, "object store is proven")
		case final(err):
			return err
		case ctx.Err() == nil:
			b.cfg.Log.WarnContext(ctx, "object store is not proven yet", "err", err)
		}
	}
	return nil
}

// Canary proves that the store keeps its promises: it puts a few small objects under CLASS/canary/, in the class with the
// shortest lock, and tries on them with both credentials what must not work. Nil, a [Broken], or why it could not be found
// out.
func (b *Bucket) Canary(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, canaryTime)
	defer cancel()
	err := b.again(within, func(ctx context.Context) error { return b.newCanary().fly(ctx) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	b.health.err = err
	b.metrics.canary.Set(map[bool]float64{true: 1}[err == nil])
	return err
}

// canary is one proof.
type canary struct {
	store *Bucket
	// caged may be put and read, no more; locked the writer may delete by its policy, so that only the lock keeps it from
	// doing so.
	caged, locked bird
	days          int // of the bucket's default lock, as the store tells it
}

// bird is an object of a canary and, once it was put, the version that holds it.
type bird struct {
	upload
	at   version
	body []byte
}

// probeClass is the class with the shortest lock, where canaries cost least.
func (b *Bucket) probeClass() string {
	return slices.MinFunc(b.classes(), func(x, y string) int { return cmp.Compare(b.cfg.Classes[x].Days, b.cfg.Classes[y].Days) })
}

func (b *Bucket) newCanary() *canary {
	class := b.probeClass()
	return &canary{store: b, caged: b.newBird(class, "caged"), locked: b.newBird(class, "locked")}
}

func (b *Bucket) newBird(class, kind string) bird {
	body := make([]byte, 64)
	rand.Read(body)
	key := object.Key(class + "/canary/" + kind + "/" + strings.ToLower(rand.Text()))
	info := object.Info{Key: key, Size: int64(len(body)), SHA256: sha256.Sum256(body)}
	return bird{upload: upload{b.bucket(class), info, bytes.NewReader(body)}, body: body}
}

// violation is what was seen of a promise that is broken.
type violation string

func (v violation) Error() string { return string(v) }

// fly goes through the promises in an order in which each rests on those before.
func (c *canary) fly(ctx context.Context) error {
	for _, p := range []struct {
		property, fix string
		holds         func(context.Context) error
	}{
		{propVersions, fixVersions, c.bucketsHaveVersions},
		{propDefault, fixLock, c.bucketsLock},
		{propWriter, fixWriter, c.writerPuts},
		{propReader, fixReader, c.readerReads},
		{propLocked, fixLock, c.objectsAreLocked},
		{propOnce, fixStore, c.takenKeysStay},
		{propChecksums, fixStore, c.wrongChecksumsAreRefused},
		{propWriter, fixWriter, c.writerDoesNothingElse},
		{propReader, fixReader, c.readerDoesNothingElse},
		{propNobody, fixNobody, c.nobodyDoesAnything},
		{propHolds, fixStore, c.lockHolds},
		{propLocked, fixStore, c.nothingHappened},
	} {
		if err := p.holds(ctx); err != nil {
			return verdict(err, p.property, p.fix)
		}
	}
	return nil
}

// verdict tells a broken promise from not having found out. A refusal of what must work is one.
func verdict(err error, property, fix string) error {
	broken := (*Broken)(nil)
	if errors.As(err, &broken) {
		return err
	}
	if v := violation(""); errors.As(err, &v) || refused(err) || status(err) == http.StatusNotFound || errors.Is(err, object.ErrNotFound) {
		return &Broken{property, err.Error(), remedy(err, property, fix)}
	}
	return fmt.Errorf("find out whether %s: %w", property, err)
}

// remedy is the fix, unless the store did not even look at what was asked: for lack of a right, or of belief in who asked.
func remedy(err error, property, fix string) string {
	a := (*answer)(nil)
	switch {
	case !errors.As(err, &a):
		return fix
	case unbelieved[a.code]:
		return fixSecret
	case a.status == http.StatusForbidden && (property == propVersions || property == propDefault):
		return fixReader
	}
	return fix
}
