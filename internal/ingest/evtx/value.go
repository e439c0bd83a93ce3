package evtx

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Types of values in binary XML.
const (
	typeNull       = 0x00
	typeString     = 0x01
	typeANSI       = 0x02
	typeInt8       = 0x03
	typeUint8      = 0x04
	typeInt16      = 0x05
	typeUint16     = 0x06
	typeInt32      = 0x07
	typeUint32     = 0x08
	typeInt64      = 0x09
	typeUint64     = 0x0a
	typeReal32     = 0x0b
	typeReal64     = 0x0c
	typeBool       = 0x0d
	typeBinary     = 0x0e
	typeGUID       = 0x0f
	typeSize       = 0x10
	typeFileTime   = 0x11
	typeSystemTime = 0x12
	typeSID        = 0x13
	typeHex32      = 0x14
	typeHex64      = 0x15
	typeXML        = 0x21
	typeArray      = 0x80
)

// fixedSize returns how many bytes a value of a type takes, where the type says so.
func fixedSize(kind byte) (int, bool) {
	switch kind {
	case typeInt8, typeUint8:
		return 1, true
	case typeInt16, typeUint16:
		return 2, true
	case typeInt32, typeUint32, typeReal32, typeBool, typeHex32:
		return 4, true
	case typeInt64, typeUint64, typeReal64, typeFileTime, typeHex64:
		return 8, true
	case typeGUID, typeSystemTime:
		return 16, true
	}
	return 0, false
}

// isNull reports whether a value is absent.
func (v *value) isNull() bool { return v.kind == typeNull || v.kind != typeString && len(v.data) == 0 }

// appendJSON appends the value as Windows shows it: numbers as JSON numbers, texts, identifiers, times and hexadecimal numbers as strings, arrays
// as arrays. A value whose size does not fit its type comes out as hexadecimal digits.
func (v *value) appendJSON(dst []byte) []byte {
	if v.kind&typeArray != 0 {
		return v.appendArray(dst)
	}
	switch v.kind {
	case typeInt8, typeUint8, typeInt16, typeUint16, typeInt32, typeUint32, typeInt64, typeUint64, typeReal32, typeReal64, typeBool:
		if text, ok := v.scalar(nil); ok {
			if c := text[0]; c == 'N' || c == 'I' || len(text) > 1 && text[1] == 'I' { // NaN, Infinity
				dst = append(dst, '"')
				dst = append(dst, text...)
				return append(dst, '"')
			}
			return append(dst, text...)
		}
	}
	if v.kind == typeString {
		return appendJSON16(dst, trimZeros16(v.data))
	}
	if v.isPlain() {
		dst = append(dst, '"')
		dst = v.appendText(dst)
		return append(dst, '"')
	}
	return normalise.AppendJSONString(dst, string(v.appendText(nil)))
}

// isPlain reports whether the value's text never needs escaping in JSON.
func (v *value) isPlain() bool {
	switch v.kind {
	case typeGUID, typeSID, typeHex32, typeHex64, typeSize, typeFileTime, typeSystemTime, typeBinary:
		return true
	}
	return false
}

// appendJSON16 appends little-endian UTF-16 as a JSON string.
func appendJSON16(dst, b []byte) []byte {
	start := len(dst)
	dst = append(dst, '"')
	for i := 0; i+1 < len(b); i += 2 {
		c := b[i]
		if b[i+1] != 0 || c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return normalise.AppendJSONString(dst[:start], decodeUTF16(b))
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// appendText appends the value's text.
func (v *value) appendText(dst []byte) []byte {
	if v.kind&typeArray != 0 {
		for i, m := range v.members() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.appendText(dst)
		}
		return dst
	}
	if out, ok := v.scalar(dst); ok {
		return out
	}
	return hex.AppendEncode(dst, v.data)
}

// scalar appends the text of a value of one of the known types; ok is false when the data does not fit the type.
func (v *value) scalar(dst []byte) (out []byte, ok bool) {
	b := v.data
	le := binary.LittleEndian
	if size, fixed := fixedSize(v.kind); fixed && v.kind != typeBool && len(b) != size {
		return dst, false
	}
	switch v.kind {
	case typeString:
		return appendUTF16(dst, trimZeros16(b)), true
	case typeANSI:
		for _, c := range b {
			if c == 0 {
				break
			}
			dst = append(dst, string(rune(c))...)
		}
		return dst, true
	case typeInt8:
		return strconv.AppendInt(dst, int64(int8(b[0])), 10), true
	case typeUint8:
		return strconv.AppendUint(dst, uint64(b[0]), 10), true
	case typeInt16:
		return strconv.AppendInt(dst, int64(int16(le.Uint16(b))), 10), true
	case typeUint16:
		return strconv.AppendUint(dst, uint64(le.Uint16(b)), 10), true
	case typeInt32:
		return strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10), true
	case typeUint32:
		return strconv.AppendUint(dst, uint64(le.Uint32(b)), 10), true
	case typeInt64:
		return strconv.AppendInt(dst, int64(le.Uint64(b)), 10), true
	case typeUint64:
		return strconv.AppendUint(dst, le.Uint64(b), 10), true
	case typeReal32:
		return appendReal(dst, float64(math.Float32frombits(le.Uint32(b))), 32), true
	case typeReal64:
		return appendReal(dst, math.Float64frombits(le.Uint64(b)), 64), true
	case typeBool:
		for _, c := range b {
			if c != 0 {
				return append(dst, "true"...), true
			}
		}
		return append(dst, "false"...), true
	case typeBinary:
		for _, c := range b {
			const digits = "0123456789ABCDEF"
			dst = append(dst, digits[c>>4], digits[c&15])
		}
		return dst, true
	case typeGUID:
		return appendGUID(dst, b), true
	case typeHex32:
		return strconv.AppendUint(append(dst, "0x"...), uint64(le.Uint32(b)), 16), true
	case typeHex64:
		return strconv.AppendUint(append(dst, "0x"...), le.Uint64(b), 16), true
	case typeSize:
		switch len(b) {
		case 4:
			return strconv.AppendUint(append(dst, "0x"...), uint64(le.Uint32(b)), 16), true
		case 8:
			return strconv.AppendUint(append(dst, "0x"...), le.Uint64(b), 16), true
		}
	case typeFileTime:
		return appendFileTime(dst, le.Uint64(b)), true
	case typeSystemTime:
		t := time.Date(int(le.Uint16(b)), time.Month(le.Uint16(b[2:])), int(le.Uint16(b[6:])), int(le.Uint16(b[8:])), int(le.Uint16(b[10:])),
			int(le.Uint16(b[12:])), int(le.Uint16(b[14:]))*1_000_000, time.UTC)
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z"), true
	case typeSID:
		return appendSID(dst, b)
	}
	return dst, false
}

func appendReal(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

func trimZeros16(b []byte) []byte {
	b = b[:len(b)&^1]
	for len(b) >= 2 && b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	return b
}

// appendGUID appends a GUID in braces and lower case, as Windows writes it.
func appendGUID(dst, b []byte) []byte {
	order := [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	dst = append(dst, '{')
	for i, at := range order {
		switch i {
		case 4, 6, 8, 10:
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, b[at:at+1])
	}
	return append(dst, '}')
}

// fileTimeEpoch is 1601-01-01 in seconds before 1970.
const fileTimeEpoch = 11_644_473_600

// appendFileTime appends a count of 100 ns since 1601 as an ISO time with seven digits of fraction.
func appendFileTime(dst []byte, ft uint64) []byte {
	t := time.Unix(int64(ft/10_000_000)-fileTimeEpoch, int64(ft%10_000_000)*100).UTC()
	return t.AppendFormat(dst, "2006-01-02T15:04:05.0000000Z")
}

// appendSID appends a security identifier: revision, authority (big endian), sub authorities.
func appendSID(dst, b []byte) ([]byte, bool) {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return dst, false
	}
	authority := uint64(0)
	for _, c := range b[2:8] {
		authority = authority<<8 | uint64(c)
	}
	dst = append(dst, "S-"...)
	dst = strconv.AppendUint(dst, uint64(b[0]), 10)
	dst = append(dst, '-')
	dst = strconv.AppendUint(dst, authority, 10)
	for i := 8; i < len(b); i += 4 {
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint32(b[i:])), 10)
	}
	return dst, true
}

// members splits an array into its elements: texts at zeros, others by the size of their type.
func (v *value) members() []value {
	kind := v.kind &^ typeArray
	var out []value
	switch kind {
	case typeString:
		b := trimZeros16(v.data)
		start := 0
		for i := 0; i+1 < len(b); i += 2 {
			if b[i] == 0 && b[i+1] == 0 {
				out = append(out, value{kind: kind, data: b[start:i]})
				start = i + 2
			}
		}
		if start < len(b) {
			out = append(out, value{kind: kind, data: b[start:]})
		}
	case typeSID:
		for b := v.data; len(b) >= 8; {
			n := 8 + 4*int(b[1])
			if n > len(b) {
				break
			}
			out = append(out, value{kind: kind, data: b[:n]})
			b = b[n:]
		}
	default:
		size, fixed := fixedSize(kind)
		if kind == typeSize {
			size, fixed = 8, true
		}
		if !fixed {
			return []value{{kind: typeBinary, data: v.data}}
		}
		for b := v.data; len(b) >= size; b = b[size:] {
			out = append(out, value{kind: kind, data: b[:size]})
		}
	}
	return out
}

func (v *value) appendArray(dst []byte) []byte {
	dst = append(dst, '[')
	for i, m := range v.members() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.appendJSON(dst)
	}
	return append(dst, ']')
}
