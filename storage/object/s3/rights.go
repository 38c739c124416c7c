package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

// denied is nil for what the store refused for lack of a right or for a lock. A request that it did not understand or
// believe is not that.
func denied(err error) error {
	a := (*answer)(nil)
	switch {
	case err == nil:
		return violation("the store allowed it")
	case errors.As(err, &a) && refused(err) && !unbelieved[a.code]:
		return nil
	}
	return err
}

// unbelieved are codes of requests that were refused before rights were looked at.
var unbelieved = map[string]bool{"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "RequestTimeTooSkewed": true,
	"AuthorizationHeaderMalformed": true, "ExpiredToken": true, "InvalidToken": true}

// act is something that a credential may try.
type act struct {
	name  string
	tryIt func(context.Context, *minio.Core) error
}

func (c *canary) reads() []act {
	v := c.caged.at
	return []act{
		{"read a version", func(ctx context.Context, as *minio.Core) error { return c.read(ctx, as, v) }},
		{"read an object", func(ctx context.Context, as *minio.Core) error { return c.read(ctx, as, version{v.bucket, v.key, ""}) }},
		{"look at a version", func(ctx context.Context, as *minio.Core) error {
			return c.ask(ctx, func(ctx context.Context) error {
				_, err := as.StatObject(ctx, v.bucket, objectName(v.key), minio.StatObjectOptions{VersionID: v.id})
				return err
			})
		}},
		{"list versions", func(ctx context.Context, as *minio.Core) error { return c.list(ctx, as, true) }},
		{"list objects", func(ctx context.Context, as *minio.Core) error { return c.list(ctx, as, false) }},
	}
}

func (c *canary) changes() []act {
	v := c.caged.at
	soon := func() time.Time { return time.Now().Add(time.Hour) }
	late := func() time.Time { return time.Now().Add(time.Duration(c.days)*24*time.Hour + time.Hour) }
	return []act{
		{"delete a version", func(ctx context.Context, as *minio.Core) error { return c.removeVersion(ctx, as, v) }},
		{"hide an object", func(ctx context.Context, as *minio.Core) error {
			return c.removeVersion(ctx, as, version{v.bucket, v.key, ""})
		}},
		{"shorten a lock", func(ctx context.Context, as *minio.Core) error { return c.retain(ctx, as, v, minio.Compliance, soon()) }},
		{"weaken a lock", func(ctx context.Context, as *minio.Core) error { return c.retain(ctx, as, v, minio.Governance, soon()) }},
		{"lengthen a lock", func(ctx context.Context, as *minio.Core) error { return c.retain(ctx, as, v, minio.Compliance, late()) }},
		{"put under a weaker lock", func(ctx context.Context, as *minio.Core) error {
			return c.put(ctx, as, minio.PutObjectOptions{Mode: minio.Governance, RetainUntilDate: soon()})
		}},
		{"set versioning", func(ctx context.Context, as *minio.Core) error {
			return c.ask(ctx, func(ctx context.Context) error { return as.EnableVersioning(ctx, v.bucket) })
		}},
		{"set the default lock", c.setDefaultLock},
	}
}

// setDefaultLock sets it to what it is, which harms nothing where it is allowed.
func (c *canary) setDefaultLock(ctx context.Context, as *minio.Core) error {
	mode, days, unit := minio.Compliance, uint(c.days), minio.Days
	return c.ask(ctx, func(ctx context.Context) error {
		return as.SetObjectLockConfig(ctx, c.caged.bucket, &mode, &days, &unit)
	})
}

func (c *canary) puts() []act {
	return []act{{"put an object", func(ctx context.Context, as *minio.Core) error { return c.put(ctx, as, minio.PutObjectOptions{}) }}}
}

func (c *canary) writerDoesNothingElse(ctx context.Context) error {
	return c.none(ctx, c.store.writer, c.reads(), c.changes())
}

func (c *canary) readerDoesNothingElse(ctx context.Context) error {
	return c.none(ctx, c.store.reader, c.puts(), c.changes())
}

func (c *canary) nobodyDoesAnything(ctx context.Context) error {
	return c.none(ctx, c.store.nobody, c.reads(), c.puts(), c.changes())
}

// none tries acts of which none may be allowed.
func (c *canary) none(ctx context.Context, as *minio.Core, groups ...[]act) error {
	for _, acts := range groups {
		for _, a := range acts {
			if err := denied(a.tryIt(ctx, as)); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return nil
}

func (c *canary) read(ctx context.Context, as *minio.Core, v version) error {
	return c.ask(ctx, func(ctx context.Context) error {
		body, _, _, err := as.GetObject(ctx, v.bucket, objectName(v.key), minio.GetObjectOptions{VersionID: v.id})
		if err == nil {
			_, err = io.Copy(io.Discard, body)
			body.Close()
		}
		return err
	})
}

func (c *canary) list(ctx context.Context, as *minio.Core, versions bool) error {
	return c.ask(ctx, func(ctx context.Context) error {
		for v := range as.ListObjectsIter(ctx, c.caged.bucket, minio.ListObjectsOptions{WithVersions: versions, Recursive: true, Prefix: objectName(c.caged.Key)}) {
			return v.Err
		}
		return ctx.Err()
	})
}

// removeVersion deletes a version, or without an id puts a delete marker.
func (c *canary) removeVersion(ctx context.Context, as *minio.Core, v version) error {
	return c.ask(ctx, func(ctx context.Context) error {
		return as.RemoveObject(ctx, v.bucket, objectName(v.key), minio.RemoveObjectOptions{VersionID: v.id})
	})
}

func (c *canary) retain(ctx context.Context, as *minio.Core, v version, mode minio.RetentionMode, until time.Time) error {
	return c.ask(ctx, func(ctx context.Context) error {
		return as.PutObjectRetention(ctx, v.bucket, objectName(v.key), minio.PutObjectRetentionOptions{
			VersionID: v.id, Mode: &mode, RetainUntilDate: &until, GovernanceBypass: mode == minio.Governance})
	})
}

// put puts one more canary.
func (c *canary) put(ctx context.Context, as *minio.Core, opts minio.PutObjectOptions) error {
	_, err := c.store.send(ctx, as, c.store.newBird(c.store.probeClass(), "caged").upload, opts)
	return err
}
