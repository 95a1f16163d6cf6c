package message

import "tstat-transport/internal/fastparse"

// Columns returns how many fields of a row, from the first, its flows depend on.
func Columns(l *fastparse.Layout) int {
	return max(compile(l, Settings{}, "c_", "s_").columns, compile(l, Settings{}, "s_", "c_").columns)
}
