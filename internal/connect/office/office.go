// Package office pulls the Office 365 Management Activity API: the unified audit log of Exchange, SharePoint, Teams, Entra ID and others.
//
// The service puts records into blobs and lists blobs by the time at which they were made. A stream per content type goes from window to window of that list; a
// page is one part of the list, or one blob. A blob that cannot be read is put aside, so that it holds up no other, and is asked for again later. What is read and
// is of no use, six times over more than two hours, is given up: a record that names it goes to the family, which refuses it, so that it shows as refused.
package office

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const steps = `1. Turn the audit log on: **Microsoft Purview → Audit → Start recording** (it is on in most tenants).
2. In the Entra admin center open **App registrations → New registration**; any name, accounts of this organisation only, no redirect address.
3. **API permissions → Add a permission → Office 365 Management APIs → Application permissions**: **ActivityFeed.Read**, and **ActivityFeed.ReadDlp** only when DLP.All
   is to be read. Then **Grant admin consent**.
4. **Certificates & secrets → New client secret**. Copy its *value* here, and the two IDs of the overview page. Note when it expires.

The subscriptions are started by the connector. After the first start it can take twelve hours until Microsoft lists records.`

const (
	overlapDefault = "60"
	step           = 12 * time.Hour
	repeats        = 12 * time.Hour                  // a record may stand in two blobs; this long its id is remembered beyond the window
	reach          = 7*24*time.Hour - 10*time.Minute // the service lists seven days
)

func types() []string {
	return []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"}
}

// Kind describes the connector.
func Kind() connect.Kind {
	return connect.Kind{
		Name: "office365", Label: "Office 365 Management Activity", Family: "m365", Interval: 5 * time.Minute,
		Description: "The unified audit log of Microsoft 365: Exchange, SharePoint, OneDrive, Teams, Entra ID, Defender and others.",
		Steps:       steps,
		Fields: append(connect.MicrosoftFields("https://manage.office.com"),
			connect.Field{Name: "contentTypes", Label: "Content types", Type: connect.Text, Default: strings.Join(types()[:4], ","), Help: "separated by commas, of " + strings.Join(types(), ", ")},
			connect.Field{Name: "overlap", Label: "Look back", Type: connect.Number, Default: overlapDefault, Help: "minutes that are asked for again each time, for records that Microsoft lists late", Least: 1, Most: 1440},
		),
		Open: open,
	}
}

type puller struct {
	fetch   *connect.Fetcher
	feed    string
	who     string // PublisherIdentifier
	types   []string
	overlap time.Duration
	now     func() time.Time
}

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	f, err := connect.Microsoft(v, env, "Office 365 Management Activity API")
	if err != nil {
		return nil, err
	}
	f.Explain = explain
	p := &puller{fetch: f, feed: f.Base + "/api/v1.0/" + url.PathEscape(v["tenant"]) + "/activity/feed", who: v["tenant"], types: v.List("contentTypes"), overlap: time.Duration(v.Int("overlap")) * time.Minute, now: env.Now}
	known := map[string]bool{}
	for _, t := range types() {
		known[t] = true
	}
	for _, t := range p.types {
		if !known[t] {
			return nil, fault.Newf(fault.Invalid, "Content types: %q is none of %s, or there twice", t, strings.Join(types(), ", ")).On("config.contentTypes")
		}
		known[t] = false
	}
	if len(p.types) == 0 {
		return nil, fault.Newf(fault.Invalid, "Content types: at least one").On("config.contentTypes")
	}
	return p, nil
}

// code is the service's own code of an error.
func code(body []byte) string {
	var e struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &e)
	return e.Error.Code
}

var (
	errSubscribe = errors.New("office: there is no subscription")
	errGone      = errors.New("office: the content is no longer there")
)

func explain(a *connect.Answer, needs string) *connect.Error {
	said := connect.Said(a.Body)
	switch code(a.Body) {
	case "AF10001":
		return connect.Failure(fault.Permission, "the permission is missing: %s (application permission of Office 365 Management APIs, with admin consent; Microsoft says: %s)", needs, said)
	case "AF20010", "AF20011", "AF20012", "AF20013":
		return connect.Failure(fault.Invalid, "the tenant ID is not that of the application, or the audit log is not turned on: %s", said)
	case "AF20022":
		return &connect.Error{Code: fault.Unavailable, Message: "the subscription is not started: " + said, Err: errSubscribe}
	case "AF20051", "AF20052":
		return &connect.Error{Code: fault.NotFound, Message: said, Err: errGone}
	}
	return nil
}

func needsOf(contentType string) string {
	if contentType == "DLP.All" {
		return "ActivityFeed.ReadDlp"
	}
	return "ActivityFeed.Read"
}

// place is how far a stream came.
type place struct {
	Started bool          `json:"started"` // the subscription
	Mark    time.Time     `json:"mark"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Next    string        `json:"next,omitempty"`
	Listed  bool          `json:"listed"` // the list of the window is at its end
	Blobs   []blob        `json:"blobs,omitempty"`
	Aside   []blob        `json:"aside,omitempty"` // those that could not be read, of this window or former ones
	Skew    time.Duration `json:"skew"`            // the service's clock less ours
}

type blob struct {
	URI     string    `json:"contentUri"`
	ID      string    `json:"contentId"`
	Created time.Time `json:"contentCreated"`
	Tries   int       `json:"tries,omitempty"`  // that failed
	Broken  int       `json:"broken,omitempty"` // of them, those that the service answered
	After   time.Time `json:"after"`            // not to be tried before
}

// Streams implements connect.Puller.
func (p *puller) Streams() []string { return p.types }

// Next implements connect.Puller.
func (p *puller) Next(ctx context.Context, at connect.At) (connect.Page, error) {
	var w place
	if len(at.Cursor) > 0 {
		if err := json.Unmarshal(at.Cursor, &w); err != nil {
			return connect.Page{}, connect.Failure(fault.Internal, "the cursor is damaged; reset it")
		}
	}
	if w.Mark.IsZero() {
		w.Mark = at.Since.Add(p.overlap)
	}
	if !w.Started {
		if err := p.start(ctx, at.Stream); err != nil {
			return connect.Page{}, err
		}
		w.Started = true
		return p.page(w, nil, true)
	}
	for i, b := range w.Aside {
		if !b.After.After(p.now().Add(w.Skew)) {
			w.Aside = slices.Delete(slices.Clone(w.Aside), i, i+1)
			return p.content(ctx, at, w, b)
		}
	}
	if len(w.Blobs) > 0 {
		b := w.Blobs[0]
		w.Blobs = w.Blobs[1:]
		return p.content(ctx, at, w, b)
	}
	return p.list(ctx, at, w)
}

// floor is the time from which on ids are remembered while the window lasts.
func (p *puller) floor(w place) time.Time {
	if w.From.IsZero() {
		return w.Mark.Add(-p.overlap)
	}
	return w.From
}

func (p *puller) page(w place, records []connect.Record, more bool) (connect.Page, error) {
	raw, err := json.Marshal(w)
	return connect.Page{Records: records, Cursor: raw, More: more, Mark: w.Mark, Forget: p.floor(w).Add(-repeats)}, err
}

// start starts the subscription; one that is started stays as it is.
func (p *puller) start(ctx context.Context, contentType string) error {
	q := url.Values{"contentType": {contentType}, "PublisherIdentifier": {p.who}}
	a, err := p.fetch.Do(ctx, http.MethodPost, p.feed+"/subscriptions/start?"+q.Encode(), needsOf(contentType))
	_ = a
	var e *connect.Error
	if errors.As(err, &e) && e.Code == fault.Invalid && strings.Contains(e.Message, "already enabled") {
		return nil
	}
	return err
}

// list reads a part of the window's list and keeps the blobs that were not fetched before.
func (p *puller) list(ctx context.Context, at connect.At, w place) (connect.Page, error) {
	if w.From.IsZero() {
		now := p.now().Add(w.Skew)
		w.From = w.Mark.Add(-p.overlap).UTC().Truncate(time.Second)
		if oldest := now.Add(-reach); w.From.Before(oldest) {
			w.From = oldest.UTC().Truncate(time.Second)
		}
		w.To = now.UTC().Truncate(time.Second)
		if w.To.After(w.From.Add(p.overlap + step)) {
			w.To = w.From.Add(min(p.overlap+step, 24*time.Hour))
		}
		if !w.To.After(w.From) {
			w.To = w.From.Add(time.Second)
		}
	}
	address := w.Next
	if address == "" {
		q := url.Values{"contentType": {at.Stream}, "startTime": {stamp(w.From)}, "endTime": {stamp(w.To)}, "PublisherIdentifier": {p.who}}
		address = p.feed + "/subscriptions/content?" + q.Encode()
	}
	a, err := p.fetch.Get(ctx, address, needsOf(at.Stream))
	var e *connect.Error
	switch {
	case errors.Is(err, errSubscribe): // somebody stopped it
		if err := p.start(ctx, at.Stream); err != nil {
			return connect.Page{}, err
		}
		return connect.Page{}, err
	case w.Next != "" && errors.As(err, &e) && (e.Code == fault.Invalid || e.Code == fault.NotFound): // the link has expired
		w.Next = ""
		return p.page(w, nil, true)
	case err != nil:
		return connect.Page{}, err
	}
	var blobs []blob
	if err := p.fetch.Decode(a, &blobs); err != nil {
		return connect.Page{}, err
	}
	w.Skew = a.Clock.Sub(p.now()).Truncate(time.Second)
	next := a.Header.Get("NextPageUri")
	if next != "" && next == w.Next {
		return connect.Page{}, connect.Failure(fault.Unavailable, "the service answers with a link to the same page; it is asked again")
	}
	ids := make([]string, len(blobs))
	for i := range blobs {
		ids[i] = "blob " + blobs[i].ID
	}
	known, err := at.Known(ctx, ids)
	if err != nil {
		return connect.Page{}, err
	}
	for i := range blobs {
		if !known[ids[i]] && !slices.ContainsFunc(w.Aside, func(b blob) bool { return b.ID == blobs[i].ID }) {
			w.Blobs = append(w.Blobs, blobs[i])
		}
	}
	if w.Next = next; next == "" {
		w.Listed = true
	}
	return p.after(w, nil, a.Clock)
}

// after ends the window when nothing of it is left.
func (p *puller) after(w place, records []connect.Record, clock time.Time) (connect.Page, error) {
	if len(w.Blobs) > 0 || !w.Listed {
		return p.page(w, records, true)
	}
	forget := w.From
	mark := w.To
	if mark.After(clock) {
		mark = clock.UTC().Truncate(time.Second)
	}
	more := clock.Sub(w.To) > time.Minute
	if mark.After(w.Mark) {
		w.Mark = mark
	}
	w.From, w.To, w.Listed = time.Time{}, time.Time{}, false
	page, err := p.page(w, records, more)
	page.Forget = forget.Add(-repeats)
	return page, err
}

const (
	mostTries  = 6               // of a blob whose content is of no use
	firstPause = 5 * time.Minute // doubled after each try
	lastPause  = 6 * time.Hour
	mostAside  = 100
)

// content fetches a blob, which is no longer in the place.
func (p *puller) content(ctx context.Context, at connect.At, w place, b blob) (connect.Page, error) {
	clock := p.now().Add(w.Skew)
	when := b.Created
	if floor := p.floor(w); when.Before(floor) {
		when = floor
	}
	records := []connect.Record{{ID: "blob " + b.ID, Time: when}}
	list, answered, err := p.blob(ctx, at.Stream, b)
	if !answered.IsZero() {
		clock = answered
	}
	switch {
	case err == nil:
	case errors.Is(err, errGone): // the service keeps blobs for seven days
		if b.Tries > 0 {
			records = append(records, unreadable(b, when, err))
		}
	default:
		b.Tries++
		trouble, final := setAside(&b, err, clock)
		if trouble == nil || !final && len(w.Aside) >= mostAside {
			return connect.Page{}, err
		}
		if final {
			records = append(records, unreadable(b, when, err))
		} else {
			w.Aside, records = append(slices.Clone(w.Aside), b), nil
		}
		page, err := p.after(w, records, clock)
		page.Trouble = trouble
		return page, err
	}
	for _, raw := range list {
		var head struct {
			ID string `json:"Id"`
		}
		if json.Unmarshal(raw, &head) != nil || head.ID == "" {
			head.ID = connect.ContentID(raw)
		}
		records = append(records, connect.Record{ID: head.ID, Time: when, Data: connect.Compact(raw)})
	}
	return p.after(w, records, clock)
}

// blob reads the records of a blob, and the service's clock.
func (p *puller) blob(ctx context.Context, contentType string, b blob) (list []json.RawMessage, clock time.Time, err error) {
	a, err := p.fetch.Get(ctx, b.URI, needsOf(contentType))
	if err != nil {
		return nil, clock, err
	}
	return list, a.Clock, p.fetch.Decode(a, &list)
}

// setAside says what people are told of a blob that could not be read and notes when it is tried again; final: not any more. Without trouble the error is not
// about this blob: credentials, limits, a service that is away.
func setAside(b *blob, err error, clock time.Time) (trouble error, final bool) {
	var e *connect.Error
	if !errors.As(err, &e) {
		return nil, false
	}
	switch {
	case e.Broken, e.Status == http.StatusBadRequest, e.Status == http.StatusNotFound:
		b.Broken++
	case e.Status < http.StatusInternalServerError || e.Code == fault.Busy:
		return nil, false
	}
	if b.Broken >= mostTries {
		return connect.Failure(fault.Invalid, "the content %s could not be read %d times and is given up; it stands among the refused records: %s", b.ID, b.Tries, e.Message), true
	}
	pause := firstPause
	for i := 1; i < b.Tries && pause < lastPause; i++ {
		pause *= 2
	}
	b.After = clock.Add(min(pause, lastPause))
	return connect.Failure(e.Code, "the content %s could not be read and is tried again later (try %d): %s", b.ID, b.Tries, e.Message), false
}

// unreadable is the record that stands for a blob which is given up.
func unreadable(b blob, when time.Time, err error) connect.Record {
	raw, _ := json.Marshal(map[string]any{"contentId": b.ID, "contentUri": b.URI, "contentCreated": b.Created, "tries": b.Tries, "unreadable": err.Error()})
	return connect.Record{ID: "unreadable " + b.ID, Time: when, Data: raw}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// Test implements connect.Puller.
func (p *puller) Test(ctx context.Context) []connect.Check {
	var out []connect.Check
	for _, t := range p.types {
		_, err := p.fetch.Get(ctx, p.feed+"/subscriptions/list?"+url.Values{"PublisherIdentifier": {p.who}}.Encode(), needsOf(t))
		out = append(out, connect.Checked(t, err))
		if err != nil {
			break // all are asked for in the same way
		}
	}
	return out
}

// Close implements connect.Puller.
func (p *puller) Close() error { return nil }
