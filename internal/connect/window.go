package connect

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Window pulls from services that list records by time. It goes from window to window: bounded ones while it catches up, one without an end when it is close
// to the present. Each begins an overlap before the point that was reached, so that records that the service lists late are found; the ids of what was delivered
// are remembered as long as a window can list them again. The point is taken from the records and the service's clock, never from ours.
type Window struct {
	Overlap time.Duration
	Step    time.Duration // length of a window while catching up
	Reach   time.Duration // how far back the service can be asked; 0: any
	// Fetch asks for the records from one time to another (the zero time: all that there are), or for what stands at a link that an earlier page gave.
	Fetch func(ctx context.Context, from, to time.Time, next string) (Fetched, error)
}

// Fetched is a page of a window.
type Fetched struct {
	Records []Record
	Next    string // "" ends the window
	Clock   time.Time
}

// ErrLink says that a link is no longer taken; the window begins anew.
var ErrLink = errors.New("connect: the link is no longer taken")

// reached is how far a window came.
type reached struct {
	Mark   time.Time `json:"mark"` // everything up to here is taken, but for what comes late
	From   time.Time `json:"from"` // of the window in progress
	To     time.Time `json:"to"`
	Next   string    `json:"next,omitempty"`
	Newest time.Time `json:"newest"` // of the records in this window
}

// Next fetches a page; it is Puller.Next for one stream.
func (w *Window) Next(ctx context.Context, place At, now time.Time) (Page, error) {
	var at reached
	if len(place.Cursor) > 0 {
		if err := json.Unmarshal(place.Cursor, &at); err != nil {
			return Page{}, failure(fault.Internal, "the cursor is damaged; reset it")
		}
	}
	if at.Mark.IsZero() {
		at.Mark = place.Since.Add(w.Overlap)
	}
	if at.From.IsZero() {
		w.begin(&at, now)
	}
	got, err := w.Fetch(ctx, at.From, at.To, at.Next)
	if errors.Is(err, ErrLink) && at.Next != "" {
		at.Next = ""
		got, err = w.Fetch(ctx, at.From, at.To, "")
	}
	if err != nil {
		return Page{}, err
	}
	if got.Next != "" && got.Next == at.Next {
		return Page{}, failure(fault.Unavailable, "the service answers with a link to the same page; it is asked again")
	}
	page := Page{Records: got.Records, Forget: at.From, More: true}
	for i := range page.Records {
		r := &page.Records[i]
		if r.Time.After(at.Newest) && !r.Time.After(got.Clock) { // a clock that is ahead must not move us past records to come
			at.Newest = r.Time
		}
		if r.Time.Before(at.From) {
			r.Time = at.From // its id is kept as long as the window may list it
		}
	}
	if at.Next = got.Next; at.Next == "" {
		page.More = !at.To.IsZero()
		w.end(&at, got.Clock)
	}
	page.Mark = at.Mark
	page.Cursor, err = json.Marshal(at)
	return page, err
}

func (w *Window) begin(at *reached, now time.Time) {
	at.From = at.Mark.Add(-w.Overlap).UTC()
	if w.Reach > 0 && at.From.Before(now.Add(-w.Reach)) {
		at.From = now.Add(-w.Reach).UTC()
	}
	if w.Step > 0 && at.From.Add(w.Overlap+2*w.Step).Before(now) {
		at.To = at.From.Add(w.Overlap + w.Step)
	}
}

func (w *Window) end(at *reached, clock time.Time) {
	mark := at.Newest
	if !at.To.IsZero() {
		mark = at.To
	}
	if mark.After(clock) {
		mark = clock
	}
	if mark.After(at.Mark) {
		at.Mark = mark.UTC()
	}
	at.From, at.To, at.Newest = time.Time{}, time.Time{}, time.Time{}
}
