package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"parley/storage/object"
)

// ask makes one request of a canary. Where no answer comes, another canary flies.
func (c *canary) ask(ctx context.Context, f func(context.Context) error) error {
	return c.store.call(ctx, opCanary, c.store.patience.request, f)
}

func (c *canary) bucketsHaveVersions(ctx context.Context) error {
	for _, class := range c.store.classes() {
		var config minio.BucketVersioningConfiguration
		err := c.ask(ctx, func(ctx context.Context) (err error) {
			config, err = c.store.reader.GetBucketVersioning(ctx, c.store.bucket(class))
			return err
		})
		if err == nil && !config.Enabled() {
			err = violation("versioning is not on")
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", c.store.bucket(class), err)
		}
	}
	return nil
}

func (c *canary) bucketsLock(ctx context.Context) error {
	for _, class := range c.store.classes() {
		days, err := c.defaultLock(ctx, c.store.bucket(class))
		if want := c.store.cfg.Classes[class].Days; err == nil && days < want {
			err = violation(fmt.Sprintf("it locks for %d days, not %d", days, want))
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", c.store.bucket(class), err)
		}
		if c.store.bucket(class) == c.caged.bucket {
			c.days = days
		}
	}
	return nil
}

func (c *canary) defaultLock(ctx context.Context, bucket string) (days int, err error) {
	var (
		enabled  string
		mode     *minio.RetentionMode
		validity *uint
		unit     *minio.ValidityUnit
	)
	err = c.ask(ctx, func(ctx context.Context) (err error) {
		enabled, mode, validity, unit, err = c.store.reader.GetObjectLockConfig(ctx, bucket)
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case enabled != "Enabled":
		return 0, violation("object lock is not on")
	case mode == nil || validity == nil || unit == nil:
		return 0, violation("it has no default retention")
	case *mode != minio.Compliance:
		return 0, violation(fmt.Sprintf("its default retention is in mode %s", *mode))
	case *unit == minio.Years:
		return int(*validity) * 365, nil
	}
	return int(*validity), nil
}

func (c *canary) writerPuts(ctx context.Context) error {
	for _, b := range []*bird{&c.caged, &c.locked} {
		id, err := c.store.send(ctx, c.store.writer, b.upload, minio.PutObjectOptions{})
		if err != nil {
			return fmt.Errorf("put a canary: %w", err)
		}
		b.at = version{b.bucket, b.Key, id}
	}
	return nil
}

// readerReads sees that what was put is there, alone, and the same.
func (c *canary) readerReads(ctx context.Context) error {
	for _, b := range []bird{c.caged, c.locked} {
		v, _, err := c.store.first(ctx, b.bucket, b.Key)
		switch {
		case errors.Is(err, object.ErrNotFound):
			return notKept("a listing does not show it")
		case err != nil:
			return fmt.Errorf("list a canary's versions: %w", err)
		case v != b.at:
			return notKept("a listing shows another version")
		}
		if err := c.unchanged(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (c *canary) unchanged(ctx context.Context, b bird) error {
	s, err := c.store.head(ctx, b.at)
	if errors.Is(err, object.ErrNotFound) {
		return notKept("it is gone")
	}
	if err != nil {
		return fmt.Errorf("look at a canary: %w", err)
	}
	r, err := c.store.get(ctx, b.Key, 0, -1)
	if err != nil {
		return fmt.Errorf("read a canary: %w", err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read a canary: %w", err)
	}
	if s.Info != b.Info || !bytes.Equal(body, b.body) {
		return notKept("it reads otherwise")
	}
	return nil
}

func notKept(found string) error {
	return &Broken{propKept, "a canary was put, and then " + found, fixStore}
}

// objectsAreLocked holds the lock of each canary, as two requests tell it, against the days of the class.
func (c *canary) objectsAreLocked(ctx context.Context) error {
	for _, b := range []bird{c.caged, c.locked} {
		s, err := c.store.head(ctx, b.at)
		if err == nil {
			err = s.underLock()
		}
		if err != nil {
			return err
		}
		var mode *minio.RetentionMode
		var until *time.Time
		err = c.ask(ctx, func(ctx context.Context) (err error) {
			mode, until, err = c.store.reader.GetObjectRetention(ctx, b.bucket, objectName(b.Key), b.at.id)
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("ask for a canary's lock: %w", err)
		case mode == nil || until == nil || *mode != s.mode || !until.Truncate(time.Second).Equal(s.until.Truncate(time.Second)):
			return violation("two requests for one lock have different answers")
		case s.until.Before(s.put.Add(time.Duration(c.days)*24*time.Hour - time.Minute)):
			return violation(fmt.Sprintf("a canary is not locked for the bucket's %d days", c.days))
		}
	}
	return nil
}

func (c *canary) takenKeysStay(ctx context.Context) error {
	other := c.caged.upload
	other.SHA256, other.body = sha256.Sum256(c.locked.body), bytes.NewReader(c.locked.body)
	_, err := c.store.send(ctx, c.store.writer, other, minio.PutObjectOptions{})
	switch {
	case err == nil:
		return violation("If-None-Match was ignored")
	case status(err) != http.StatusPreconditionFailed:
		return err
	}
	return nil
}

// wrongChecksumsAreRefused puts bytes under the checksum of others. The signature covers neither, so that only the
// store's own look at the bytes can find it.
func (c *canary) wrongChecksumsAreRefused(ctx context.Context) error {
	wrong := c.store.newBird(c.store.probeClass(), "caged").upload
	wrong.body = bytes.NewReader(c.caged.body)
	err := c.ask(ctx, func(ctx context.Context) error {
		opts := minio.PutObjectOptions{UserMetadata: checksumHeader(wrong.SHA256), DisableContentSha256: true}
		_, err := c.store.writer.PutObject(ctx, wrong.bucket, objectName(wrong.Key), io.NewSectionReader(wrong.body, 0, wrong.Size), wrong.Size, "", "", opts)
		return err
	})
	if err == nil {
		return violation("bytes were taken under the checksum of others")
	}
	if status(err) != http.StatusBadRequest {
		return fmt.Errorf("put a wrong checksum: %w", err)
	}
	if _, _, err = c.store.first(ctx, wrong.bucket, wrong.Key); err == nil {
		return violation("an object is there although its checksum was refused")
	} else if !errors.Is(err, object.ErrNotFound) {
		return err
	}
	return nil
}

// lockHolds lets a credential that may delete and set retention try both. That it may is shown first, on a delete marker
// and by a longer lock, so that the refusals which follow are the lock's.
func (c *canary) lockHolds(ctx context.Context) error {
	b := c.locked
	if err := c.mayDelete(ctx, b); err != nil {
		return err
	}
	if err := denied(c.removeVersion(ctx, c.store.writer, b.at)); err != nil {
		return fmt.Errorf("delete a locked version: %w", err)
	}
	s, err := c.store.head(ctx, b.at)
	if err != nil {
		return fmt.Errorf("look at a version whose deletion was refused: %w", err)
	}
	longer := s.until.Add(time.Minute)
	if err := c.retain(ctx, c.store.writer, b.at, minio.Compliance, longer); err != nil {
		return needCanary(fmt.Errorf("lengthen a lock: %w", err))
	}
	for _, try := range []struct {
		mode  minio.RetentionMode
		until time.Time
	}{{minio.Compliance, s.until.Add(-time.Hour)}, {minio.Governance, longer}, {minio.Governance, s.until.Add(-time.Hour)}} {
		if err := denied(c.retain(ctx, c.store.writer, b.at, try.mode, try.until)); err != nil {
			return fmt.Errorf("weaken a lock: %w", err)
		}
	}
	if s, err = c.store.head(ctx, b.at); err == nil && (s.mode != minio.Compliance || s.until.Before(longer.Truncate(time.Second))) {
		err = violation("a lock that was lengthened is not longer")
	}
	return err
}

// mayDelete puts a delete marker over the canary and takes it away again; in between the object is still read.
func (c *canary) mayDelete(ctx context.Context, b bird) error {
	if err := c.removeVersion(ctx, c.store.writer, version{b.bucket, b.Key, ""}); err != nil {
		return needCanary(fmt.Errorf("put a delete marker on a canary: %w", err))
	}
	if err := c.unchanged(ctx, b); err != nil {
		return fmt.Errorf("under a delete marker: %w", err)
	}
	marker, err := c.marker(ctx, b)
	if err != nil {
		return err
	}
	if err := c.removeVersion(ctx, c.store.writer, marker); err != nil {
		return needCanary(fmt.Errorf("delete a marker of a canary: %w", err))
	}
	return nil
}

func (c *canary) marker(ctx context.Context, b bird) (found version, err error) {
	err = c.ask(ctx, func(ctx context.Context) error {
		for v := range c.store.reader.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{WithVersions: true, Recursive: true, Prefix: objectName(b.Key)}) {
			if v.Err != nil {
				return v.Err
			}
			if v.IsDeleteMarker {
				found = version{b.bucket, b.Key, v.VersionID}
			}
		}
		return ctx.Err()
	})
	if err == nil && found.id == "" {
		err = violation("a delete marker was not listed")
	}
	return found, err
}

// needCanary tells a policy that is too narrow to prove the lock from a store that can't do what it says.
func needCanary(err error) error {
	switch {
	case status(err) == http.StatusForbidden:
		return &Broken{propHolds, err.Error(), fixWriter + ": it lets the writer try to delete canaries"}
	case refused(err):
		return &Broken{propHolds, err.Error(), fixStore}
	}
	return err
}

// nothingHappened sees that what was refused had no effect.
func (c *canary) nothingHappened(ctx context.Context) error {
	for _, b := range []bird{c.caged, c.locked} {
		if err := c.unchanged(ctx, b); err != nil {
			return err
		}
	}
	return c.objectsAreLocked(ctx)
}
