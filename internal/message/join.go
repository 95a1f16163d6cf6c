package message

import (
	"encoding/binary"

	"tstat-transport/internal/fastparse"
)

// joinPortable writes pieces from number i on at out[o:]. It returns where it
// has come to: len(pieces), or the index of a piece whose text is written and
// whose field is not: putField has to look at it.
func joinPortable(pieces []piece, i int, fields *fastparse.Fields, block []byte, values *values, out []byte, o int) (next, end int) {
	for ; i < len(pieces); i++ {
		p := &pieces[i]
		*(*[textSize]byte)(out[o:]) = p.text
		o += int(p.len)
		if p.kind == computed {
			v := &values[p.at]
			*(*[maxValue]byte)(out[o:]) = v.text
			o += v.len
			continue
		}
		from, to := fields.Bounds(int(p.at))
		n := to - from
		first := binary.LittleEndian.Uint64(block[from : from+8])
		if p.kind == number && fastparse.IsShort(first, n) {
			binary.LittleEndian.PutUint64(out[o:], first)
		} else if n = putField(p, fields, block, out, o); n == 0 {
			break
		}
		o += n
	}
	return i, o
}

// putField writes a number without zeros before it, or an address, at out[o:],
// and returns its length, 0 if it is malformed.
func putField(p *piece, fields *fastparse.Fields, block, out []byte, o int) int {
	from, to := fields.Bounds(int(p.at))
	switch {
	case p.kind == number:
		return fastparse.CopyUint(out[o:], block, from, to)
	case fastparse.IsAddress(block[from:to]):
		return copy(out[o:], block[from:to])
	}
	return 0
}
