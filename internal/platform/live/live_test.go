package live_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// direct is a bus of one process that delivers at once.
type direct struct {
	fn   func([]byte)
	fail error
}

func (d *direct) Announce(_ tenant.ID, _ string, data []byte) error {
	if d.fail == nil && d.fn != nil {
		d.fn(data)
	}
	return d.fail
}

func (d *direct) Listen(fn func([]byte)) (func(), error) {
	d.fn = fn
	return func() { d.fn = nil }, nil
}

func hub(t *testing.T, d *direct) *live.Hub {
	t.Helper()
	h, err := live.New(d, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestChangesReachTheirTenantOnly(t *testing.T) {
	h := hub(t, &direct{})
	one, err := h.Subscribe("t1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.Subscribe("t2")
	if err != nil {
		t.Fatal(err)
	}
	h.Publish(live.Change{Tenant: "t1", Kind: "incident", ID: "7", Change: "updated"})
	c := <-one.Changes
	if c.ID != "7" || c.Kind != "incident" || c.Change != "updated" || c.Time.IsZero() {
		t.Errorf("t1 got %+v", c)
	}
	if len(two.Changes) != 0 {
		t.Errorf("t2 got %+v", <-two.Changes)
	}
	one.Close()
	one.Close()
	if _, open := <-one.Changes; open {
		t.Error("Changes is open after Close")
	}
	h.Close()
	if _, open := <-two.Changes; open {
		t.Error("Changes is open after the hub's Close")
	}
	if _, err := h.Subscribe("t1"); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("Subscribe after Close: %v; want unavailable", err)
	}
}

func TestASlowSubscriberIsTold(t *testing.T) {
	h := hub(t, &direct{})
	s, err := h.Subscribe("t1")
	if err != nil {
		t.Fatal(err)
	}
	const sent = 10_000
	for i := range sent {
		h.Publish(live.Change{Tenant: "t1", Kind: "alert", ID: fmt.Sprint(i), Change: "created"})
	}
	var got, lost int
	for len(s.Changes) > 0 {
		if c := <-s.Changes; c.Change == live.Lost {
			lost++
		} else if c.ID != fmt.Sprint(got) {
			t.Fatalf("change %d is %s", got, c.ID)
		} else {
			got++
		}
	}
	if lost != 1 || got == 0 || got >= sent {
		t.Errorf("got %d changes and %d notes of loss; want some and one", got, lost)
	}
	h.Publish(live.Change{Tenant: "t1", Kind: "alert", ID: "after", Change: "created"})
	if c := <-s.Changes; c.ID != "after" {
		t.Errorf("after catching up: %+v", c)
	}
}

func TestAFailingBusDoesNotStopPublishers(t *testing.T) {
	h := hub(t, &direct{fail: errors.New("down")})
	h.Publish(live.Change{Tenant: "t1", Kind: "alert"})
}
