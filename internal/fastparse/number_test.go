package fastparse

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inBlock returns a block that holds field between other digits, and has Padding.
func inBlock(field string) (block []byte, from, to int) {
	const before, after = "98765432", "12345678"
	block = make([]byte, 0, len(before)+len(field)+len(after)+Padding)
	block = append(block, before+field+after...)
	return block, len(before), len(before) + len(field)
}

// uints yields fields of digits, and each field of up to 25 digits also with one of its
// bytes replaced.
func uints(yield func(string)) {
	fields := []string{"", "18446744073709551615", "18446744073709551616", "18446744073709551609", "28446744073709551615",
		"00018446744073709551615", "00018446744073709551616", "184467440737095516150", strings.Repeat("0", 300) + "7",
		strings.Repeat("9", 300)}
	for n := 1; n <= 25; n++ {
		for _, digits := range []string{"0000000000000000000000000", "9999999999999999999999999", "1234567890123456789012345",
			"0000000012345678901234567", "0000000000000000123456789", "1000000000000000000000000"} {
			fields = append(fields, digits[:n], digits[25-n:])
		}
	}
	for _, field := range fields {
		yield(field)
		if len(field) > 25 {
			continue
		}
		for i := range field {
			for _, c := range "/:.-+ xX_eE\x00\x7f\n\uffff" {
				yield(field[:i] + string(c) + field[i+1:])
			}
			if len(field) >= 18 {
				continue
			}
			for c := range 256 {
				yield(field[:i] + string([]byte{byte(c)}) + field[i+1:])
			}
		}
	}
}

func TestUint(t *testing.T) {
	allDigits := regexp.MustCompile(`^[0-9]+$`)
	uints(func(field string) {
		want, err := strconv.ParseUint(field, 10, 64)
		wantOK := err == nil && allDigits.MatchString(field)
		block, from, to := inBlock(field)
		got, ok := readUint(block, from, to)
		if ok != wantOK || ok && got != want {
			t.Fatalf("readUint(%q) = %d, %v; want %d, %v", field, got, ok, want, wantOK)
		}
		const room = 24
		dst := []byte(strings.Repeat("x", room+8))
		n := copyUint(dst, block, from, to)
		if wantOK && string(dst[:n]) != strconv.FormatUint(want, 10) || !wantOK && n != 0 {
			t.Fatalf("copyUint(%q) = %q", field, dst[:n])
		}
		if string(dst[room:]) != "xxxxxxxx" {
			t.Fatalf("copyUint(%q) wrote after its %d bytes: %q", field, room, dst)
		}
	})
}

func TestIsAddress(t *testing.T) {
	address := regexp.MustCompile(`^[0-9a-fA-F:.]{1,45}$`)
	fields := []string{"", "10.0.0.1", "fd77::c0c", "fe80::1%eth0", "10.0.0.1 "}
	for n := range 70 {
		for c := range 256 {
			for i := range min(n, 50) {
				field := slices.Repeat([]byte{'a'}, n)
				field[i] = byte(c)
				fields = append(fields, string(field))
				if c > 4 && n > 18 {
					break // in long fields, only some bytes at every place
				}
			}
		}
	}
	for _, field := range fields {
		if got, want := isAddress([]byte(field)), address.MatchString(field); got != want {
			t.Fatalf("isAddress(%q) = %v", field, got)
		}
	}
}
