package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/bartizan-sec/bartizan/internal/platform/bus"
)

// A sender that gets no answer sends again, and cannot know whether the records were kept. When it names its delivery, the bus keeps none of it twice: a body that
// is sent again is cut into the same messages, and each has an id made of the delivery's name, its place and its content.

type deliveryKey struct{}

// NameDelivery returns a context in which a delivery to a Receiver has a name. The name has to tell the sender, too. Deliveries of the same name and content
// within bus.Repeats are kept once.
func NameDelivery(ctx context.Context, name string) context.Context {
	if name == "" {
		return ctx
	}
	return context.WithValue(ctx, deliveryKey{}, name)
}

// identify gives a message of a named delivery its id; number is its place among the messages.
func identify(ctx context.Context, m *bus.Outgoing, number int) {
	name, _ := ctx.Value(deliveryKey{}).(string)
	if name == "" {
		return
	}
	h := sha256.New()
	for _, part := range []string{name, m.Source, m.Header[headerFile], m.Header[headerHost], m.Header[headerLab]} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(binary.AppendUvarint(nil, uint64(number))) //nolint:gosec // a place
	h.Write(m.Data)
	m.ID = base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
