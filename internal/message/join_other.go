//go:build !amd64 || purego

package message

import "tstat-transport/internal/fastparse"

func joinQuick([]piece, *fastparse.Fields, []byte, *values, []byte, int) (n, end int, ok bool) {
	return 0, 0, false
}
