package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// SourceView is the health of a family of sources.
type SourceView struct {
	ID            string     `json:"id"`
	Family        string     `json:"family"`
	FirstSeen     *time.Time `json:"firstSeen,omitempty"`
	LastSeen      *time.Time `json:"lastSeen,omitempty"`
	Records       int64      `json:"records"`
	Refused       int64      `json:"refused"`
	RatePerMinute float64    `json:"ratePerMinute" doc:"mean of the last 15 minutes"`
	Recent        []int64    `json:"recent" nullable:"false" doc:"records that became queryable in each of the last 60 minutes, oldest first"`
	Bytes         int64      `json:"bytes"`
	Late          int64      `json:"late" doc:"records that arrived more than an hour after their event"`
	Ahead         int64      `json:"ahead" doc:"records whose event lies more than five minutes in the future"`
	LagSeconds    float64    `json:"lagSeconds" doc:"received to queryable, mean of the last 15 minutes"`
	DelaySeconds  float64    `json:"delaySeconds" doc:"event to received, median of the last 15 minutes; negative where events are ahead"`
	SkewedDevices int        `json:"skewedDevices" doc:"devices whose clock is wrong"`
	State         string     `json:"state" enum:"delivering,quiet,silent,failing" doc:"silent: delivered regularly and has stopped; failing: most of what comes is refused"`
}

// RefusedRecord is a record that was kept aside because it could not be used.
type RefusedRecord struct {
	ID      string     `json:"id"`
	Time    *time.Time `json:"time,omitempty"`
	Source  string     `json:"source"`
	Path    string     `json:"path,omitempty"`
	Record  int64      `json:"record"`
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Sample  string     `json:"sample,omitempty" doc:"base64 of the record"`
}

// refusedIDs names refused records to act on.
type refusedIDs struct {
	Body struct {
		IDs []string `json:"ids" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

func (i *refusedIDs) audited() (string, map[string]any) {
	return "refused records", map[string]any{"count": len(i.Body.IDs)}
}

// RefusedSent says what became of refused records that were sent again.
type RefusedSent struct {
	Sent int            `json:"sent" doc:"records that go through the receiver again"`
	Left []ReceiptError `json:"left" nullable:"false" doc:"records that cannot be sent again, with the reason"`
}

func (s *server) registerSources() {
	const tag = "sources"
	handle(s, operation{
		method: http.MethodGet, path: "/api/sources", id: "listSources", summary: "Which sources deliver, and how much", tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[SourceView], error) {
		all, err := s.Traffic.Sources(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		views := make([]SourceView, 0, len(all))
		for _, f := range all {
			views = append(views, SourceView{
				ID: f.Family, Family: f.Family, FirstSeen: moment(f.FirstSeen.Time), LastSeen: moment(f.LastSeen.Time), Records: f.Records, Refused: f.Refused,
				RatePerMinute: f.RatePerMinute, Recent: f.Recent, Bytes: f.Bytes, Late: f.Late, Ahead: f.Ahead, LagSeconds: f.Lag.Seconds(), DelaySeconds: f.Delay.Seconds(),
				SkewedDevices: f.SkewedDevices, State: f.State,
			})
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	// Records that were refused may hold anything, of any device and mail included: that they are there takes more than seeing incidents, what is in them takes
	// seeing everything.
	handle(s, operation{
		method: http.MethodGet, path: "/api/sources/refused", id: "listRefused", summary: "Records that could not be used", tag: tag, door: byPermission, permission: access.CoreRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[RefusedRecord], error) {
		letters, n, err := s.Sources.DeadLetters(ctx, c.tenant, int64(in.Skip), int64(in.Top))
		if err != nil {
			return nil, err
		}
		v := c.who.View(c.tenant)
		all := v.Whole() && v.Mail
		views := make([]RefusedRecord, 0, len(letters))
		for _, l := range letters {
			view := RefusedRecord{ID: l.ID, Time: moment(l.Received.Time), Source: l.Source, Path: l.File, Record: l.Number, Code: l.Code, Message: l.Message}
			if all {
				view.Sample = cutText(l.Data, 8192)
			}
			views = append(views, view)
		}
		return pageOf(views, n, *in, requestURL(ctx)), nil
	})
	replay := operation{
		method: http.MethodPost, path: "/api/sources/refused/replay", id: "replayRefused", summary: "Send refused records through the receiver again", tag: tag, door: byPermission,
		permission: access.CoreManage, scope: access.ScopeAdmin,
	}
	handle(s, replay, func(ctx context.Context, c *call, in *refusedIDs) (*output[RefusedSent], error) {
		done, err := s.Receiver.Replay(ctx, c.tenant, in.Body.IDs)
		out := RefusedSent{Sent: done.Sent, Left: []ReceiptError{}}
		for _, l := range done.Left {
			out.Left = append(out.Left, ReceiptError{File: l.File, Number: l.Number, Code: l.Code, Message: l.Message})
		}
		return answer(out), err
	})
	remove := replay
	remove.path, remove.id, remove.summary, remove.status = "/api/sources/refused/delete", "deleteRefused", "Forget refused records", http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *refusedIDs) (*nothing, error) {
		_, err := s.Sources.Drop(ctx, c.tenant, in.Body.IDs)
		return &nothing{}, err
	})
}
