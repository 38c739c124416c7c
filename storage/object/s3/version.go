package s3

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"parley/storage/object"
)

// version is one version of an object.
type version struct {
	bucket string
	key    object.Key
	id     string
}

// listed is the first version of a key, as a listing tells it.
type listed struct {
	version
	size int64
}

// first finds the object of a key: its oldest version. Newer ones and delete markers, which a stolen credential or an
// operator can put on top, hide nothing.
func (b *Bucket) first(ctx context.Context, bucket string, key object.Key) (version, int64, error) {
	found, _, err := b.page(ctx, bucket, objectName(key), "", 1)
	if err != nil {
		return version{}, 0, err
	}
	if len(found) == 0 {
		return version{}, 0, object.ErrNotFound
	}
	return found[0].version, found[0].size, nil
}

// page lists the objects of so many names with the prefix, after a name. last is the last of these names, empty when
// there are no more. A listing gives the versions of a name newest first.
func (b *Bucket) page(ctx context.Context, bucket, prefix, after string, most int) (found []listed, last string, err error) {
	err = b.call(ctx, opList, b.patience.listing, func(ctx context.Context) error {
		var names int
		var current string
		for v := range b.reader.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{
			WithVersions: true, Recursive: true, Prefix: prefix, StartAfter: after}) {
			if v.Err != nil {
				return v.Err
			}
			if v.Key != current {
				if names == most {
					last = current
					return nil
				}
				names, current = names+1, v.Key
			}
			key, ours := strings.CutSuffix(v.Key, nameEnd)
			if v.IsDeleteMarker || !ours {
				continue
			}
			if n := len(found); n > 0 && string(found[n-1].key) == key {
				found = found[:n-1]
			}
			found = append(found, listed{version{bucket, object.Key(key), v.VersionID}, v.Size})
		}
		return ctx.Err() // a listing that is cut off ends without a word
	})
	return found, last, err
}

// seen is what the reader's credential was told of a version.
type seen struct {
	object.Info
	mode  minio.RetentionMode
	until time.Time
	put   time.Time
}

func (b *Bucket) head(ctx context.Context, v version) (seen, error) {
	var info minio.ObjectInfo
	err := b.call(ctx, opStat, b.patience.request, func(ctx context.Context) (err error) {
		info, err = b.reader.StatObject(ctx, v.bucket, objectName(v.key), minio.StatObjectOptions{VersionID: v.id, Checksum: true})
		return err
	})
	if status(err) == http.StatusNotFound {
		return seen{}, object.ErrNotFound
	}
	if err != nil {
		return seen{}, err
	}
	sum, err := checksum(info)
	until, _ := time.Parse(time.RFC3339, info.Headers.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	return seen{object.Info{Key: v.key, Size: info.Size, SHA256: sum},
		minio.RetentionMode(info.Headers.Get("X-Amz-Object-Lock-Mode")), until, info.LastModified}, err
}

func checksum(info minio.ObjectInfo) (sum [32]byte, err error) {
	raw, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256)
	if err != nil || len(raw) != len(sum) {
		return sum, &Broken{Property: propChecksums, Found: "an object has none", Fix: fixStore}
	}
	return [32]byte(raw), nil
}

// underLock says whether the version is kept in COMPLIANCE mode, the only one that no credential can shorten.
func (s seen) underLock() error {
	if s.mode != minio.Compliance || s.until.IsZero() {
		return &Broken{Property: propLocked, Found: "an object has no COMPLIANCE lock", Fix: fixLock}
	}
	return nil
}
