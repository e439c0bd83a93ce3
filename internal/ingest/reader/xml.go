package reader

import (
	"bytes"
	"errors"
	"io"
)

// eventXML emits the <Event …>…</Event> elements of Windows event XML, with or without a list around them, each as its own text.
func (s *source) eventXML() error {
	var number int64
	closing := []byte("</Event>")
	for {
		found, err := s.untilEvent()
		if err != nil || !found {
			return s.endOfXML(number, err)
		}
		number++
		data := append(make([]byte, 0, 2048), '<')
		over := false
		for {
			part, err := s.r.ReadSlice('>')
			if !over {
				data = append(data, part...)
				if len(data) > s.w.opt.MaxRecord {
					over = true
				}
			}
			if over && len(data) > len(closing) { // keep just enough to see the end
				data = append(append(data[:0], data[len(data)-len(closing):]...), part...)
			}
			if errors.Is(err, io.EOF) {
				s.refuse(number, Truncated, "the file ends in the middle of an event")
				return nil
			}
			if err != nil && !isBufferFull(err) {
				return s.endOfXML(number, err)
			}
			if bytes.HasSuffix(data, closing) {
				break
			}
			if len(data) > 2 && bytes.HasSuffix(data, []byte("/>")) && bytes.LastIndexByte(data, '<') == 0 {
				break // <Event/>
			}
		}
		if over {
			s.refuse(number, TooLarge, tooLong(s.w.opt.MaxRecord))
			continue
		}
		if err := s.emitText(number, data); err != nil {
			return err
		}
	}
}

func (s *source) endOfXML(number int64, err error) error {
	if err != nil && !isStop(err) {
		s.w.refuseErr(s.name, number, err)
		return nil
	}
	return err
}

// untilEvent skips behind the next "<" that begins an element named Event.
func (s *source) untilEvent() (bool, error) {
	for {
		_, err := s.r.ReadSlice('<')
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if isBufferFull(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		p, _ := s.r.Peek(6)
		if len(p) == 6 && string(p[:5]) == "Event" && (p[5] == '>' || p[5] == ' ' || p[5] == '\t' || p[5] == '\r' || p[5] == '\n' || p[5] == '/') {
			return true, nil
		}
	}
}
