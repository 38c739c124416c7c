package s3

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/prometheus/client_golang/prometheus"

	"parley/storage/object"
)

// Config says where a store is and what it must promise.
type Config struct {
	// URL is https://HOST[:PORT]/BUCKET; see [CheckURL]. The bucket of a class is BUCKET-CLASS.
	URL string
	// Region is where the buckets must be (L4). Empty: anywhere.
	Region string
	// Classes are the first segments that keys may have. Nil: [DefaultClasses].
	Classes map[string]Class
	// Writer can only put, Reader can only read.
	Writer, Reader Credential
	// Trust are the authorities that may vouch for the store. Nil: the system's.
	Trust *x509.CertPool
	// Canary is the time between two proofs. 0: an hour.
	Canary time.Duration
	// Await lets Open succeed while nobody answers, for a store that was proven before: a node that restarts during an
	// outage serves everything else. Until [Bucket.Run] has proven the store, every call is refused with ErrUnproven.
	Await bool
	// Stall is how long a connection may stand still before it is given up. 0: 20 s.
	Stall time.Duration
	// Metrics registers parley_object_requests_total, parley_object_request_seconds and parley_object_canary_ok.
	// Nil keeps them private.
	Metrics prometheus.Registerer
	// Log gets what the hourly canary finds. Nil: none.
	Log *slog.Logger
}

// Class is what the bucket of a class must promise.
type Class struct {
	// Days is how long at least the bucket's default COMPLIANCE lock keeps an object.
	Days int
}

// DefaultClasses are what comes in pieces and is replaced by the whole, of recordings and of uploads, and what is evidence for six
// months at least: finished recordings, and what people send in chat.
func DefaultClasses() map[string]Class {
	return map[string]Class{"attachment": {180}, "part": {7}, "recording": {180}}
}

// Bucket is an [object.Bucket] in the locked buckets of an S3 store. Keys must begin with a class of its Config; another
// first segment is [object.ErrKey]. Listing asks the store once more for each object. Objects of canaries are listed
// too, under CLASS/canary/.
type Bucket struct {
	cfg            Config
	at             endpoint
	transport      *http.Transport
	writer, reader *minio.Core
	nobody         *minio.Core // asks without a credential
	patience       patience
	metrics        metrics
	health         health
	unproven       atomic.Bool
}

// ErrUnproven says that the store has not answered since it was opened, so that nothing is put there or taken from there
// yet.
var ErrUnproven = errors.New("object store: not proven since the start")

var _ object.Bucket = (*Bucket)(nil)

// Open connects to the store, and refuses one that is in another region ([ErrRegion]) or does not keep a promise ([Broken]).
// Any other error means that this could not be found out.
func Open(ctx context.Context, cfg Config) (*Bucket, error) {
	b, err := newBucket(cfg)
	if err == nil {
		err = b.prove(ctx)
	}
	if err != nil && b != nil && cfg.Await && ctx.Err() == nil && !final(err) {
		b.cfg.Log.ErrorContext(ctx, "object store is not proven; what is recorded stays on the disk until it is", "err", err)
		b.unproven.Store(true)
		return b, nil
	}
	if err != nil {
		if b != nil {
			_ = b.Close()
		}
		return nil, fmt.Errorf("open object store: %w", err)
	}
	return b, nil
}

func newBucket(cfg Config) (*Bucket, error) {
	cfg = cfg.withDefaults()
	at, err := parseURL(cfg.URL)
	if err == nil {
		err = checkClasses(cfg.Classes)
	}
	if err == nil && (cfg.Writer == Credential{} || cfg.Reader == Credential{} || cfg.Writer.key == cfg.Reader.key) {
		err = errors.New("a writer's and another, reader's, credential are needed")
	}
	if err != nil {
		return nil, err
	}
	b := &Bucket{cfg: cfg, at: at, transport: newTransport(cfg.Trust, cfg.Stall), patience: defaultPatience}
	b.metrics.register(cfg.Metrics)
	return b, b.connect(cmp.Or(cfg.Region, "us-east-1"))
}

func (c Config) withDefaults() Config {
	if c.Classes == nil {
		c.Classes = DefaultClasses()
	}
	if c.Canary <= 0 {
		c.Canary = time.Hour
	}
	if c.Stall <= 0 {
		c.Stall = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// connect makes the clients, which sign for the region. It does not dial.
func (b *Bucket) connect(region string) error {
	var errs [3]error
	client := func(c Credential, err *error) *minio.Core {
		var core *minio.Core
		core, *err = minio.NewCore(b.at.host, &minio.Options{Creds: c.signer(), Secure: b.at.secure, Transport: b.transport,
			Region: region, MaxRetries: 1, TrailingHeaders: true})
		return core
	}
	b.writer, b.reader, b.nobody = client(b.cfg.Writer, &errs[0]), client(b.cfg.Reader, &errs[1]), client(Credential{}, &errs[2])
	return errors.Join(errs[:]...)
}

// prove finds out whether the store may be used.
func (b *Bucket) prove(ctx context.Context) error {
	if err := b.checkRegion(ctx); err != nil {
		return err
	}
	return b.Canary(ctx)
}

// final says that another try would find the same.
func final(err error) bool {
	_, broken := errors.AsType[*Broken](err)
	return broken || errors.Is(err, ErrRegion)
}

// Close ends idle connections. Calls that run go on.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// locate is find for a store that may be used.
func (b *Bucket) locate(ctx context.Context, key object.Key) (string, error) {
	if b.unproven.Load() {
		return "", ErrUnproven
	}
	return b.find(ctx, key)
}

// find checks a key and returns the bucket of its class.
func (b *Bucket) find(ctx context.Context, key object.Key) (string, error) {
	if err := key.Check(); err != nil {
		return "", err
	}
	class, _, below := strings.Cut(string(key), "/")
	if _, ok := b.cfg.Classes[class]; !ok || !below {
		return "", fmt.Errorf("%w: no class %q", object.ErrKey, class)
	}
	return b.bucket(class), ctx.Err()
}

// nameEnd ends the name of every object in its bucket. No key holds it, so an object "a" never stands beside objects
// below "a/", which MinIO would then not list; and it sorts before all that keys hold, so that names sort as their keys.
const nameEnd = "!"

func objectName(key object.Key) string { return string(key) + nameEnd }

func (b *Bucket) bucket(class string) string { return b.at.name + "-" + class }

// classes are the names of the classes in the order of their keys.
func (b *Bucket) classes() []string { return slices.Sorted(maps.Keys(b.cfg.Classes)) }
