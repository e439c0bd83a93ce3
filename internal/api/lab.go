package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/simulate"
)

// Lab is the evaluation lab with its scenarios and runs.
type Lab struct {
	Scenarios []LabScenario `json:"scenarios" nullable:"false"`
	Runs      []LabRun      `json:"runs" nullable:"false"`
}

// LabScenario is a story that can be run.
type LabScenario struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Techniques  []string `json:"techniques" nullable:"false"`
	Workloads   []string `json:"workloads" nullable:"false"`
	LastRun     *LabRun  `json:"lastRun,omitempty"`
}

// LabRun is one run of a scenario.
type LabRun struct {
	ID       string     `json:"id"`
	Scenario string     `json:"scenario"`
	Name     string     `json:"name"`
	State    string     `json:"state" enum:"running,done,failed"`
	Records  int64      `json:"records"`
	Error    string     `json:"error,omitempty"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	By       string     `json:"startedBy"`
}

func labRun(r simulate.Run) LabRun {
	return LabRun{
		ID: r.ID, Scenario: r.Scenario, Name: r.Name, State: r.Status, Records: r.Records, Error: r.Message, Started: moment(r.Started.Time),
		Finished: moment(r.Ended.Time), By: r.StartedBy,
	}
}

type labInput struct {
	Body struct {
		Scenario string `json:"scenario,omitempty" maxLength:"100"`
		All      bool   `json:"all,omitempty"`
	}
}

func (i *labInput) audited() (string, map[string]any) { return i.Body.Scenario, nil }

func (s *server) registerLab() {
	const tag = "lab"
	handle(s, operation{
		method: http.MethodGet, path: "/api/lab", id: "getLab", summary: "Scenarios and runs of the evaluation lab", tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, _ *struct{}) (*output[Lab], error) {
		runs, err := s.Lab.Runs(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		out := Lab{Scenarios: []LabScenario{}, Runs: []LabRun{}}
		last := map[string]*LabRun{}
		for _, r := range runs {
			v := labRun(r)
			out.Runs = append(out.Runs, v)
			if last[r.Scenario] == nil {
				last[r.Scenario] = &v
			}
		}
		for _, sc := range s.Lab.Scenarios() {
			v := LabScenario{ID: sc.ID, Name: sc.Name, Description: sc.Description, Techniques: sc.Techniques, Workloads: sc.Workloads, LastRun: last[sc.ID]}
			if v.Techniques == nil {
				v.Techniques = []string{}
			}
			if v.Workloads == nil {
				v.Workloads = []string{}
			}
			out.Scenarios = append(out.Scenarios, v)
		}
		return answer(out), nil
	})
	handle(s, operation{
		method: http.MethodPost, path: "/api/lab/runs", id: "startLab", summary: "Run a scenario, or all of them", tag: tag, door: byPermission, permission: access.CoreManage,
		scope: access.ScopeAdmin, status: http.StatusAccepted,
	}, func(ctx context.Context, c *call, in *labInput) (*pageOutput[LabRun], error) {
		if (in.Body.Scenario == "") != in.Body.All {
			return nil, fault.Newf(fault.Invalid, "say which scenario to run, or all").On("scenario")
		}
		runs, err := s.Lab.Start(ctx, c.tenant, in.Body.Scenario, c.actorName())
		if err != nil {
			return nil, err
		}
		views := make([]LabRun, 0, len(runs))
		for _, r := range runs {
			views = append(views, labRun(r))
		}
		return slice(views, Paging{Top: len(views)}, nil), nil
	})
	handle(s, operation{
		method: http.MethodDelete, path: "/api/lab/runs", id: "removeLab", summary: "Remove everything that the lab made, and nothing else", tag: tag, door: byPermission,
		permission: access.CoreManage, scope: access.ScopeAdmin,
	}, func(ctx context.Context, c *call, _ *struct{}) (*output[simulate.Removed], error) {
		removed, err := s.Lab.Clear(ctx, c.tenant)
		return answer(removed), err
	})
}
