package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// ErrRegion says that a bucket is not where data must stay, or that the store does not tell where it is (L4).
var ErrRegion = errors.New("object store: region refused")

// checkRegion asks where each bucket is. It must be the configured region; if none is, requests are signed for the one
// that the store tells.
func (b *Bucket) checkRegion(ctx context.Context) error {
	for _, class := range b.classes() {
		bucket, found := b.bucket(class), ""
		err := b.again(ctx, func(ctx context.Context) error {
			return b.call(ctx, opCanary, b.patience.request, func(ctx context.Context) (err error) {
				found, err = b.location(ctx, bucket)
				return err
			})
		})
		if refused(err) {
			err = fmt.Errorf("%w: %w; give the reader reader-policy.json of deploy/s3", ErrRegion, err)
		}
		if err != nil {
			return fmt.Errorf("ask where bucket %s is: %w", bucket, err)
		}
		if err := b.inRegion(bucket, found); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bucket) inRegion(bucket, found string) error {
	switch want := b.cfg.Region; {
	case want == "" && found == "":
		return nil
	case want == "":
		return b.connect(found)
	case found == "":
		return fmt.Errorf("%w: the store does not tell where bucket %s is; set its region to %q (MinIO: MINIO_SITE_REGION)", ErrRegion, bucket, want)
	case found != want:
		return fmt.Errorf("%w: bucket %s is in %q, data must stay in %q; use a bucket there", ErrRegion, bucket, found, want)
	}
	return nil
}

// location is the region of a bucket as the store tells it, or "". The client library would not ask: it believes its own
// setting, and takes silence and refusals for us-east-1.
func (b *Bucket) location(ctx context.Context, bucket string) (string, error) {
	to, err := b.reader.Presign(ctx, http.MethodGet, bucket, "", time.Minute, url.Values{"location": {""}})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return "", err
	}
	res, err := b.transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	return readLocation(res.StatusCode, body, s3utils.IsAmazonEndpoint(*b.reader.EndpointURL()))
}

// readLocation reads an answer to GetBucketLocation. A refusal of a request that was signed for another region names the
// right one. Only at Amazon does an empty answer have a meaning; one that can't be read tells nothing.
func readLocation(status int, body []byte, amazon bool) (string, error) {
	if status != http.StatusOK {
		refusal := minio.ErrorResponse{}
		if err := xml.Unmarshal(body, &refusal); err == nil && refusal.Region != "" {
			return refusal.Region, nil
		}
		refusal.StatusCode = status
		return "", refusal
	}
	var location string
	if err := xml.Unmarshal(body, &location); err != nil {
		return "", nil
	}
	switch location = strings.TrimSpace(location); {
	case location == "EU":
		return "eu-west-1", nil
	case location == "" && amazon:
		return "us-east-1", nil
	}
	return location, nil
}
