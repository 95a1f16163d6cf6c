package message

import "tstat-transport/internal/fastparse"

// Columns returns the number of leading fields of a row that its flows depend on.
func Columns(l *fastparse.Layout) int {
	return max(compile(l, Settings{}, "c_", "s_").columns, compile(l, Settings{}, "s_", "c_").columns)
}
