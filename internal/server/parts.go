package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// parts are what a server consists of, in the order in which it was opened. They are stopped in the reverse order, so
// that each part can lean on those below it to the end.
type parts struct {
	log  *slog.Logger
	fail context.CancelCauseFunc // told when a part ends by itself

	mu   sync.Mutex
	list []part
}

type part struct {
	name string
	stop func(context.Context) error // returns early when its context ends
}

// add registers what stops a part that needs no goroutine.
func (p *parts) add(name string, stop func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, part{name, stop})
}

// closer is add for what is closed without waiting.
func (p *parts) closer(name string, stop func() error) {
	p.add(name, func(context.Context) error { return stop() })
}

// run starts a part that works until its context ends. One that ends before it was stopped takes the server down: a
// node that has lost a part must not look healthy.
func (p *parts) run(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := f(ctx)
		if ctx.Err() == nil {
			p.fail(fmt.Errorf("%s ended: %w", name, cause(err)))
		}
		done <- err
	}()
	p.add(name, func(deadline context.Context) error {
		cancel()
		select {
		case err := <-done:
			return ignoreCanceled(err)
		case <-deadline.Done():
			return deadline.Err()
		}
	})
}

var errEnded = errors.New("without an error")

func cause(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stop stops all parts, the last opened first, and says what could not be stopped in time.
func (p *parts) stop(ctx context.Context) error {
	p.mu.Lock()
	list := p.list
	p.list = nil
	p.mu.Unlock()
	var errs []error
	for _, one := range slices.Backward(list) {
		if err := one.stop(ctx); err != nil {
			p.log.ErrorContext(ctx, "part did not stop cleanly", slog.String("part", one.name), slog.Any("err", err))
			errs = append(errs, fmt.Errorf("stop %s: %w", one.name, err))
		}
	}
	return errors.Join(errs...)
}
