package reader

import (
	"io"

	"github.com/bartizan-sec/bartizan/internal/ingest/evtx"
)

// evtx emits the events of a binary Windows event log as JSON, numbered by their place in the file.
func (s *source) evtx(at io.ReaderAt, size int64) error {
	return evtx.Read(at, size, s.emitText, s.refuse)
}
