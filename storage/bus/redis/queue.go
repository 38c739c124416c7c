package redis

import "sync"

// overhead is what an element costs beside its bytes, about.
const overhead = 64

// queue holds elements between goroutines, oldest first, bounded in bytes. Any goroutine may put, one takes.
type queue[T any] struct {
	max  int
	wake chan struct{} // holds a value while there may be something to take

	mu    sync.Mutex
	items []item[T]
	bytes int
}

type item[T any] struct {
	value T
	size  int
}

func newQueue[T any](max int) *queue[T] {
	return &queue[T]{max: max, wake: make(chan struct{}, 1)}
}

// put adds v, of so many bytes, and returns how many elements were dropped to make room: the oldest, or v itself if it is
// larger than the whole queue.
func (q *queue[T]) put(v T, bytes int) (dropped int) {
	size := bytes + overhead
	if size > q.max {
		return 1
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.bytes+size > q.max; dropped++ {
		q.pop()
	}
	q.items = append(q.items, item[T]{v, size})
	q.bytes += size
	q.signal()
	return dropped
}

func (q *queue[T]) pop() T {
	first := q.items[0]
	q.items[0] = item[T]{}
	q.items = q.items[1:]
	q.bytes -= first.size
	return first.value
}

// take removes the oldest elements, at most n; what it has taken is not dropped any more.
func (q *queue[T]) take(n int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := make([]T, 0, min(n, len(q.items)))
	for len(taken) < n && len(q.items) > 0 {
		taken = append(taken, q.pop())
	}
	if len(q.items) == 0 {
		q.items = nil
	} else {
		q.signal()
	}
	return taken
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
