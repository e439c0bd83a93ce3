package dialect

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// MaxSyslog bounds one syslog message; longer ones are cut, as RFC 5424 §6.1 allows, and told by Cut.
const MaxSyslog = 256 << 10

// Frames reads syslog messages from a stream: with octet counting ("123 <34>1 …", RFC 6587 §3.4.1) or ended by a line feed (§3.4.2), told apart message
// by message.
type Frames struct {
	r *bufio.Reader
	// Cut counts messages that were longer than MaxSyslog.
	Cut int
	// Begun, when set, is called when a message has begun.
	Begun func()
}

// NewFrames reads from r.
func NewFrames(r io.Reader) *Frames { return &Frames{r: bufio.NewReaderSize(r, 64<<10)} }

// Buffered reports whether a further message can probably be read without waiting.
func (f *Frames) Buffered() bool { return f.r.Buffered() > 0 }

// Next returns the next message, a copy. io.EOF ends the stream.
func (f *Frames) Next() ([]byte, error) {
	for {
		first, err := f.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if first == '\n' || first == '\r' || first == 0 || first == ' ' {
			continue
		}
		if f.Begun != nil {
			f.Begun()
		}
		if first >= '1' && first <= '9' {
			n, err := f.count(first)
			if err != nil {
				return nil, err
			}
			return f.octets(n)
		}
		if err := f.r.UnreadByte(); err != nil {
			return nil, err
		}
		return f.line()
	}
}

// maxAnnounced bounds the length that a sender may announce, cut or not.
const maxAnnounced = 16 << 20

// count reads the rest of a message's length. It is at most nine digits and a blank.
func (f *Frames) count(first byte) (int, error) {
	digits := []byte{first}
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' || len(digits) > 8 {
			return 0, fault.Newf(fault.Invalid, "syslog: a message starts neither with a priority nor with its length")
		}
		digits = append(digits, c)
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n > maxAnnounced {
		return 0, fault.Newf(fault.TooLarge, "syslog: a message of %s bytes is announced; at most %d are taken", digits, maxAnnounced)
	}
	return n, nil
}

func (f *Frames) octets(n int) ([]byte, error) {
	keep := min(n, MaxSyslog)
	out := make([]byte, keep)
	if _, err := io.ReadFull(f.r, out); err != nil {
		return nil, unexpected(err)
	}
	if n > keep {
		f.Cut++
		if _, err := io.CopyN(io.Discard, f.r, int64(n-keep)); err != nil {
			return nil, unexpected(err)
		}
	}
	return bytes.TrimRight(out, "\r\n\x00"), nil
}

func (f *Frames) line() ([]byte, error) {
	var out []byte
	cut := false
	for {
		part, err := f.r.ReadSlice('\n')
		if room := MaxSyslog - len(out); len(part) > room {
			out, cut = append(out, part[:room]...), true
		} else {
			out = append(out, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(out) == 0) {
			return nil, err
		}
		if cut {
			f.Cut++
		}
		return bytes.TrimRight(out, "\r\n\x00"), nil
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
