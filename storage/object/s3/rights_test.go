package s3

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	policies "parley/deploy/s3"
	"parley/internal/testenv/engines"
	"parley/storage/object"
)

// with adds an allowed action to a policy of the site.
func (s site) with(policy []byte, action string) []byte {
	more := `"Statement": [{"Effect": "Allow", "Action": ["` + action + `"], "Resource": ["arn:aws:s3:::` + s.name + `-*"]},`
	return bytes.Replace(engines.Policy(policy, s.name), []byte(`"Statement": [`), []byte(more), 1)
}

func (s site) without(policy []byte, action string) []byte {
	return bytes.Replace(engines.Policy(policy, s.name), []byte(action), []byte("s3:GetObjectTagging"), 1)
}

// MinIO has no actions of their own for versions: s3:DeleteObject, s3:GetObject and s3:ListBucket cover them.

func TestACredentialThatMayMoreIsRefused(t *testing.T) {
	for name, given := range map[string]struct {
		writer, reader string // the action that is too much
		property       string
	}{
		"writer reads":           {"s3:GetObject", "", propWriter},
		"writer lists":           {"s3:ListBucket", "", propWriter},
		"writer hides":           {"s3:DeleteObject", "", propWriter},
		"writer sets retention":  {"s3:PutObjectRetention", "", propWriter},
		"writer sets versioning": {"s3:PutBucketVersioning", "", propWriter},
		"writer sets the lock":   {"s3:PutBucketObjectLockConfiguration", "", propWriter},
		"reader puts":            {"", "s3:PutObject", propReader},
		"reader hides":           {"", "s3:DeleteObject", propReader},
		"reader sets retention":  {"", "s3:PutObjectRetention", propReader},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var err error
			if given.writer != "" {
				err = s.Grant(t.Context(), s.writer, s.with(policies.WriterPolicy, given.writer))
			} else {
				err = s.Grant(t.Context(), s.reader, s.with(policies.ReaderPolicy, given.reader))
			}
			if err != nil {
				t.Fatal(err)
			}
			wantBroken(t, s.config(), given.property)
		})
	}
}

func TestACredentialThatMayTooLittleIsRefusedWithTheFix(t *testing.T) {
	for name, given := range map[string]struct {
		writer, reader string // the action that is missing
		property       string
	}{
		"writer puts nothing":           {"s3:PutObject\"", "", propWriter},
		"writer can't try to hide":      {"s3:DeleteObject\"", "", propHolds},
		"writer can't lengthen a lock":  {"s3:PutObjectRetention", "", propHolds},
		"reader sees no versioning":     {"", "s3:GetBucketVersioning", propVersions},
		"reader sees no default lock":   {"", "s3:GetBucketObjectLockConfiguration", propDefault},
		"reader sees no object's locks": {"", "s3:GetObjectRetention", propLocked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var err error
			if given.writer != "" {
				err = s.Grant(t.Context(), s.writer, s.without(policies.WriterPolicy, strings.TrimSuffix(given.writer, `"`)))
			} else {
				err = s.Grant(t.Context(), s.reader, s.without(policies.ReaderPolicy, given.reader))
			}
			if err != nil {
				t.Fatal(err)
			}
			wantBroken(t, s.config(), given.property)
		})
	}
}

func TestABucketThatIsOpenToEverybodyIsRefused(t *testing.T) {
	s := newSite(t)
	err := s.owner(t).SetBucketPolicy(t.Context(), s.name+"-part", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},`+
		`"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::`+s.name+`-part/*"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	wantBroken(t, s.config(), propNobody)
}

// A thief has the writer's credential and knows a key. The thief can neither read what was put, nor find other objects,
// nor shorten, weaken or remove a lock, nor delete, nor hide the object from the server: what the thief puts on top is not
// the object.
func TestAStolenWriterCredentialIsOfNoUse(t *testing.T) {
	s := newSite(t)
	b := unproven(t, s.config())
	if err := b.Put(t.Context(), "recording/evidence", []byte("evidence")); err != nil {
		t.Fatal(err)
	}
	bucket, name := s.name+"-recording", "recording/evidence!"
	v, _, err := b.first(t.Context(), bucket, "recording/evidence")
	if err != nil {
		t.Fatal(err)
	}
	thief, err := minio.NewCore(s.Addr, &minio.Options{Creds: credentials.NewStaticV4(s.writer.Key, s.writer.Secret, ""), Region: s.Region,
		Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range thefts(t, thief, bucket, name, v.id) {
		answer := minio.ToErrorResponse(try())
		if locked := answer.Message == "Object is WORM protected and cannot be overwritten"; answer.StatusCode != http.StatusForbidden && !locked {
			t.Errorf("%s: %v, want that it is forbidden", what, answer)
		}
	}
	if _, err := thief.PutObject(t.Context(), bucket, name, strings.NewReader("forged"), 6, "", "", minio.PutObjectOptions{}); err != nil {
		t.Fatalf("the thief can put, as the writer can: %v", err)
	}
	if body, err := whole(t, b, "recording/evidence"); err != nil || string(body) != "evidence" {
		t.Errorf("afterwards the object is %q, %v", body, err)
	}
	if err := b.Put(t.Context(), "recording/evidence", []byte("forged")); !errors.Is(err, object.ErrConflict) {
		t.Errorf("the forged bytes pass for the object: %v", err)
	}
	if s, err := b.head(t.Context(), v); err != nil || s.underLock() != nil || time.Until(s.until) < 23*time.Hour {
		t.Errorf("afterwards the lock ends %v, %v", s.until, err)
	}
}

func thefts(t *testing.T, thief *minio.Core, bucket, name, version string) map[string]func() error {
	ctx := t.Context()
	mode, weaker, soon, days, unit := minio.Compliance, minio.Governance, time.Now().Add(time.Minute), uint(1), minio.Days
	get := func(opts minio.GetObjectOptions) error {
		body, _, _, err := thief.GetObject(ctx, bucket, name, opts)
		if err == nil {
			body.Close()
		}
		return err
	}
	put := func(name string, opts minio.PutObjectOptions) error {
		opts.SendContentMd5 = true
		_, err := thief.Client.PutObject(ctx, bucket, name, strings.NewReader("x"), 1, opts)
		return err
	}
	remove := func(opts minio.RemoveObjectOptions) error { return thief.RemoveObject(ctx, bucket, name, opts) }
	retain := func(mode *minio.RetentionMode) error {
		return thief.PutObjectRetention(ctx, bucket, name, minio.PutObjectRetentionOptions{VersionID: version, Mode: mode, RetainUntilDate: &soon, GovernanceBypass: true})
	}
	list := func(versions bool) error {
		for v := range thief.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{WithVersions: versions}) {
			return v.Err
		}
		return nil
	}
	return map[string]func() error{
		"read":                         func() error { return get(minio.GetObjectOptions{}) },
		"read the version":             func() error { return get(minio.GetObjectOptions{VersionID: version}) },
		"list":                         func() error { return list(false) },
		"list versions":                func() error { return list(true) },
		"hide":                         func() error { return remove(minio.RemoveObjectOptions{}) },
		"delete":                       func() error { return remove(minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true}) },
		"delete by force":              func() error { return remove(minio.RemoveObjectOptions{ForceDelete: true}) },
		"shorten":                      func() error { return retain(&mode) },
		"weaken":                       func() error { return retain(&weaker) },
		"put under a weaker lock":      func() error { return put(name, minio.PutObjectOptions{Mode: weaker, RetainUntilDate: soon}) },
		"put in the way of other keys": func() error { return put("recording", minio.PutObjectOptions{}) },
		"copy": func() error {
			_, err := thief.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "recording/copy!"}, minio.CopySrcOptions{Bucket: bucket, Object: name})
			return err
		},
		"suspend versions":    func() error { return thief.SuspendVersioning(ctx, bucket) },
		"unlock the bucket":   func() error { return thief.SetObjectLockConfig(ctx, bucket, nil, nil, nil) },
		"change default lock": func() error { return thief.SetObjectLockConfig(ctx, bucket, &weaker, &days, &unit) },
		"let objects expire":  func() error { return thief.SetBucketLifecycle(ctx, bucket, nil) },
		"open to everybody":   func() error { return thief.SetBucketPolicy(ctx, bucket, `{"Version":"2012-10-17","Statement":[]}`) },
		"remove the bucket":   func() error { return thief.RemoveBucket(ctx, bucket) },
	}
}
