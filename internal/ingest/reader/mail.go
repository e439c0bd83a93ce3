package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// message emits the whole source as one mail message.
func (s *source) message() error {
	max := int64(s.w.opt.MaxMessage)
	data, err := io.ReadAll(io.LimitReader(s.r, max+1))
	if err != nil {
		if isStop(err) || len(data) == 0 {
			return err
		}
		s.w.refuseErr(s.name, 0, err)
	}
	if int64(len(data)) > max {
		s.refuse(1, TooLarge, fmt.Sprintf("the message is longer than %d bytes", max))
		return nil
	}
	if bytes.HasPrefix(data, []byte("From ")) || bytes.HasPrefix(data, []byte(">From ")) {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	return s.emit(1, data)
}

// mbox emits the messages of a mailbox file. A message begins at a "From " line with a date that follows an empty line and is followed by a header.
func (s *source) mbox() error {
	l := &lineReader{r: s.r, max: s.w.opt.MaxMessage}
	var (
		msg       []byte
		number    int64
		over      bool
		wasEmpty  = true
		candidate []byte // a separator whose next line decides
	)
	flush := func() error {
		if number == 0 {
			return nil
		}
		data := msg
		msg = nil
		if over {
			over = false
			s.refuse(number, TooLarge, fmt.Sprintf("the message is longer than %d bytes", s.w.opt.MaxMessage))
			return nil
		}
		return s.emit(number, data)
	}
	add := func(line []byte) {
		if over || len(msg)+len(line) > s.w.opt.MaxMessage {
			over, msg = true, nil
			return
		}
		if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
			line = line[1:]
		}
		msg = append(append(msg, line...), '\n')
	}
	for {
		line, err := l.next()
		if errors.Is(err, errTooLong) {
			over, msg, wasEmpty = true, nil, false
			continue
		}
		if candidate != nil {
			sep := candidate
			candidate = nil
			if err == nil && (headerLine(line) || number == 0) {
				if ferr := flush(); ferr != nil {
					return ferr
				}
				number++
			} else {
				add(sep)
			}
		}
		if err != nil {
			if ferr := flush(); ferr != nil {
				return ferr
			}
			if !errors.Is(err, io.EOF) {
				if isStop(err) {
					return err
				}
				s.w.refuseErr(s.name, number, err)
			}
			return nil
		}
		if wasEmpty && bytes.HasPrefix(line, []byte("From ")) && mboxFrom.Match(line) {
			candidate, wasEmpty = line, false
			continue
		}
		wasEmpty = len(line) == 0
		if number > 0 {
			add(line)
		}
	}
}
