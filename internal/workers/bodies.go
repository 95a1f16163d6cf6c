package workers

import (
	"bytes"
	"sync"
)

const (
	// bodyStep is by how many bytes the arrays of a bodyPool differ in size.
	bodyStep = 8 << 10
	// maxPooled is the size of its largest arrays. Messages of 100 flows have up to
	// 100 kB.
	maxPooled = 128 << 10
)

// bodyPool lends arrays for the bodies of messages. What is in flight far exceeds
// everything else in memory: an array is as large as its body needs, within
// bodyStep, and used again instead of being left to the garbage collector.
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

// put takes back what clone has returned.
func (p *bodyPool) put(body []byte) {
	if class := cap(body)/bodyStep - 1; class >= 0 && class < len(p.arrays) && cap(body)%bodyStep == 0 {
		p.arrays[class].Put(&body)
	}
}
