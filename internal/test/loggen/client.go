package loggen

import (
	"net/netip"
	"strconv"
)

// The client's address and port encode the row's number, which is below 1<<39: 24 bits in
// 10.0.0.0/8 or fd77::/16, and 15 bits in the ports from 32768 up. A multiplication by an odd
// number modulo 1<<39 scrambles the numbers, so that neighbouring rows differ. It is undone by
// a multiplication by the inverse.
const (
	numberBits = 39
	numberMask = 1<<numberBits - 1
	scramble   = 0x5deece66d
)

var unscramble = func() uint64 {
	inverse := uint64(scramble) // Newton's method: three correct bits at first, twice as many after each step
	for range 5 {
		inverse *= 2 - scramble*inverse
	}
	return inverse
}()

func client(number uint64) (address uint32, port uint16) {
	n := number * scramble & numberMask
	return uint32(n >> 15), 1<<15 | uint16(n)
}

// ClientNumber returns the number of the row with this client, as passed to Maker.Append. ok
// is false for the address and port of a server.
func ClientNumber(address string, port uint16) (number uint64, ok bool) {
	a, err := netip.ParseAddr(address)
	if err != nil || port < 1<<15 {
		return 0, false
	}
	bytes := a.As16()
	switch {
	case a.Is4() && bytes[12] == 10:
	case a.Is6() && bytes[0] == 0xfd && bytes[1] == 0x77:
	default:
		return 0, false
	}
	n := (uint64(bytes[13])<<16|uint64(bytes[14])<<8|uint64(bytes[15]))<<15 | uint64(port&(1<<15-1))
	return n * unscramble & numberMask, true
}

func appendClient(b []byte, address uint32, v6 bool) []byte {
	if v6 {
		b = append(b, "fd77::"...)
		b = strconv.AppendUint(b, uint64(1<<8|address>>16), 16) // never a zero group
		b = append(b, ':')
		return strconv.AppendUint(b, uint64(address&0xffff), 16)
	}
	b = append(b, "10."...)
	return appendOctets(b, address)
}

// appendServer appends the address of server n of 4096.
func appendServer(b []byte, n uint32, v6 bool) []byte {
	if v6 {
		b = append(b, "fd78::"...)
		return strconv.AppendUint(b, uint64(n+1), 16)
	}
	b = append(b, "172."...)
	return appendOctets(b, 16<<16|n*11) // 172.16.0.0/16
}

func appendOctets(b []byte, low24 uint32) []byte {
	b = strconv.AppendUint(b, uint64(low24>>16), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(low24>>8&0xff), 10)
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(low24&0xff), 10)
}
