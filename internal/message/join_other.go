//go:build !amd64 || purego

package message

import "tstat-transport/internal/fastparse"

func join(pieces []piece, i int, fields *fastparse.Fields, block []byte, values *values, out []byte, o int) (next, end int) {
	return joinPortable(pieces, i, fields, block, values, out, o)
}
