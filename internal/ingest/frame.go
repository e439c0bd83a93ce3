package ingest

import (
	"encoding/binary"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// A bus message carries one or more records of one source: each as its length (unsigned varint) and its bytes.

func appendFrame(dst, record []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(record)))
	return append(dst, record...)
}

// frames calls fn with each record of a message.
func frames(data []byte, fn func(record []byte) error) error {
	for len(data) > 0 {
		n, used := binary.Uvarint(data)
		if used <= 0 || n > uint64(len(data)-used) {
			return fault.Newf(fault.Invalid, "the bus message is damaged: %d bytes are left, %d are announced", len(data), n)
		}
		if err := fn(data[used : used+int(n)]); err != nil {
			return err
		}
		data = data[used+int(n):]
	}
	return nil
}
