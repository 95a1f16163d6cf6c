package message

import (
	"encoding/binary"

	"tstat-transport/internal/fastparse"
)

// joinPortable writes pieces from number i on at out[o:]. It stops at a field
// that needs a closer look, behind the text of its piece: one that is malformed,
// a number with zeros before it, anything of unusual length. It returns where it
// has come to: the index of that piece, or how many there are.
func joinPortable(pieces []piece, i int, fields *fastparse.Fields, block []byte, values *values, out []byte, o int) (int, int) {
	for ; i < len(pieces); i++ {
		p := &pieces[i]
		*(*[textSize]byte)(out[o:]) = p.text
		o += int(p.len)
		switch p.kind {
		case number:
			from, to := fields.Bounds(int(p.at))
			n := to - from
			x := binary.LittleEndian.Uint64(block[from : from+8])
			binary.LittleEndian.PutUint64(out[o:], x)
			x ^= zeros
			digits := x << (64 - 8*uint(n)&63)
			odd := (digits + 0x7676767676767676 | digits) & 0x8080808080808080
			if uint(n-1) >= 8 || odd != 0 || byte(x) == 0 && n > 1 {
				return i, o
			}
			o += n
		case address:
			from, to := fields.Bounds(int(p.at))
			if !fastparse.IsAddress(block[from:to]) {
				return i, o
			}
			*(*[maxValue]byte)(out[o:]) = [maxValue]byte(block[from : from+maxValue])
			o += to - from
		case computed:
			v := &values[p.at]
			*(*[maxValue]byte)(out[o:]) = v.text
			o += int(v.len)
		}
	}
	return i, o
}
