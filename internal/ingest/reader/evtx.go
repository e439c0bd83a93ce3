package reader

import "io"

// evtx refuses binary Windows event logs until their reader is wired.
func (s *source) evtx(io.ReaderAt, int64) error {
	return refusef(Unsupported, "binary Windows event logs are not read yet")
}
