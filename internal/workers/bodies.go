package workers

import (
	"bytes"
	"sync"
)

const (
	// bodyStep is the difference in bytes between two array sizes of a bodyPool.
	bodyStep = 4 << 10
	// maxPooled is the largest array size of a bodyPool. Messages of 100 flows rarely
	// have more than 100 kB.
	maxPooled = 128 << 10
	// maxIdle bounds the bytes of idle arrays. A broker confirms some hundred messages
	// at once, so many arrays become idle together. put also frees idle arrays if all
	// arrays, lent or idle, have more than maxBytesInFlight.
	maxIdle = 8 << 20
)

// bodyPool is a pool of arrays for the bodies of messages. Messages in flight take
// most of the memory of a run. So a body gets an array that is at most bodyStep
// larger than itself, and the array is reused after the message. Garbage collections
// would empty a sync.Pool; the new arrays would then cause the next collection.
type bodyPool struct {
	mu    sync.Mutex
	idle  [maxPooled / bodyStep][][]byte // with a capacity of (index + 1) * bodyStep
	size  int                            // bytes of all idle arrays
	total int                            // bytes of all arrays, lent or idle
}

// clone returns a copy of body.
func (p *bodyPool) clone(body []byte) []byte {
	class := (len(body) - 1) / bodyStep
	if len(body) == 0 || class >= len(p.idle) {
		return bytes.Clone(body)
	}
	array := p.get(class)
	if array == nil {
		array = make([]byte, 0, (class+1)*bodyStep)
	}
	return append(array, body...)
}

// get returns an idle array, or nil if there is none.
func (p *bodyPool) get(class int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	array := p.popLocked(class)
	if array == nil { // the caller makes one
		p.total += (class + 1) * bodyStep
	}
	return array
}

// lent returns the bytes of all arrays that are in use.
func (p *bodyPool) lent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total - p.size
}

func (p *bodyPool) popLocked(class int) []byte {
	n := len(p.idle[class])
	if n == 0 {
		return nil
	}
	array := p.idle[class][n-1]
	p.idle[class][n-1] = nil
	p.idle[class] = p.idle[class][:n-1]
	p.size -= cap(array)
	return array[:0]
}

// put returns the array of body to the pool. body must come from clone.
func (p *bodyPool) put(body []byte) {
	class := cap(body)/bodyStep - 1
	if class < 0 || class >= len(p.idle) || cap(body)%bodyStep != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[class] = append(p.idle[class], body)
	p.size += cap(body)
	for c := range p.idle {
		for (p.size > maxIdle || p.total > maxBytesInFlight) && p.popLocked(c) != nil {
			p.total -= (c + 1) * bodyStep
		}
	}
}
