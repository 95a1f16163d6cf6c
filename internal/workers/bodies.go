package workers

import (
	"bytes"
	"sync"
)

const (
	// bodyStep is the difference in bytes between two array sizes of a bodyPool.
	bodyStep = 8 << 10
	// maxPooled is the largest array size of a bodyPool. Messages of 100 flows have
	// up to 100 kB.
	maxPooled = 128 << 10
)

// bodyPool is a pool of arrays for the bodies of messages. Messages in flight take
// most of the memory of a run. So a body gets an array that is at most bodyStep
// larger than itself, and the array is reused after the message.
type bodyPool struct {
	arrays [maxPooled / bodyStep]sync.Pool // of *[]byte with a capacity of (index + 1) * bodyStep
}

// clone returns a copy of body.
func (p *bodyPool) clone(body []byte) []byte {
	class := (len(body) - 1) / bodyStep
	if len(body) == 0 || class >= len(p.arrays) {
		return bytes.Clone(body)
	}
	array, ok := p.arrays[class].Get().(*[]byte)
	if !ok {
		b := make([]byte, 0, (class+1)*bodyStep)
		array = &b
	}
	return append((*array)[:0], body...)
}

// put returns the array of body to the pool. body must come from clone.
func (p *bodyPool) put(body []byte) {
	if class := cap(body)/bodyStep - 1; class >= 0 && class < len(p.arrays) && cap(body)%bodyStep == 0 {
		p.arrays[class].Put(&body)
	}
}
