package backup

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// message is one record of the bus as a line of JSON; Data is base64.
type message struct {
	Sequence uint64            `json:"sequence"`
	Source   string            `json:"source"`
	Received time.Time         `json:"received"`
	Header   map[string]string `json:"header,omitempty"`
	Data     []byte            `json:"data"`
}

func busFile(folder string, id tenant.ID) string {
	return filepath.Join(folder, "bus", string(id)+".ndjson.gz")
}

// saveBus writes the tenant's messages after the position and returns how many there are.
func saveBus(ctx context.Context, b *bus.Bus, id tenant.ID, position uint64, folder string) (n int, err error) {
	st, err := b.Status(ctx, id)
	if err != nil {
		return 0, err
	}
	if st.Messages == 0 || st.Last <= position {
		return 0, nil
	}
	if st.First > position+1 {
		return 0, fault.Newf(fault.Conflict, "the bus of tenant %s no longer has the messages %d to %d, which its lake lacks", id, position+1, st.First-1)
	}
	r, err := b.Consume(ctx, id, position+1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Join(folder, "bus"), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(busFile(folder, id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	z := gzip.NewWriter(f)
	defer func() { err = errors.Join(err, z.Close(), f.Sync(), f.Close()) }()
	enc := json.NewEncoder(z)
	for last := uint64(0); last < st.Last; {
		batch, err := r.Next(ctx, 100, 8<<20, 10*time.Second)
		if err != nil {
			return n, err
		}
		if len(batch) == 0 {
			return n, fault.Newf(fault.Unavailable, "the bus of tenant %s stopped giving messages at %d of %d", id, last, st.Last)
		}
		for _, m := range batch {
			if last = m.Sequence; last > st.Last {
				break
			}
			if err := enc.Encode(message{m.Sequence, m.Source, m.Received, m.Header, m.Data}); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// restoreBus makes the tenant's stream go on after the position of the restored lake, with the messages that the lake lacks.
func restoreBus(ctx context.Context, b *bus.Bus, t Tenant, folder string) error {
	if err := b.Restore(ctx, t.ID, t.Position+1); err != nil {
		return err
	}
	f, err := os.Open(busFile(folder, t.ID))
	if errors.Is(err, os.ErrNotExist) && t.Waiting == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	dec := json.NewDecoder(z)
	for n := 0; ; n++ {
		var m message
		if err := dec.Decode(&m); err == io.EOF {
			if n != t.Waiting {
				return fmt.Errorf("%d messages instead of %d", n, t.Waiting)
			}
			return nil
		} else if err != nil {
			return err
		}
		if _, err := b.Publish(ctx, t.ID, m.Source, m.Header, m.Data); err != nil {
			return err
		}
	}
}
