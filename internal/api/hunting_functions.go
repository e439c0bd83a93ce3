package api

import (
	"context"
	"net/http"
	"regexp"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/hunting"
)

type FunctionInput struct {
	Body struct {
		Name        string              `json:"name" maxLength:"100"`
		Folder      string              `json:"folder,omitempty" maxLength:"400"`
		Description string              `json:"description,omitempty" maxLength:"16000"`
		Parameters  []hunting.Parameter `json:"parameters,omitempty" maxItems:"20"`
		Body        string              `json:"body" maxLength:"32768"`
		Shared      bool                `json:"shared,omitempty"`
	}
}

func (i *FunctionInput) draft() hunting.FunctionDraft {
	b := i.Body
	return hunting.FunctionDraft{Name: b.Name, Folder: b.Folder, Description: b.Description, Parameters: b.Parameters, Body: b.Body, Shared: b.Shared}
}

func (i *FunctionInput) audited() (string, map[string]any) {
	return i.Body.Name, map[string]any{"shared": i.Body.Shared, "body": cutText(i.Body.Body, 4000)}
}

type FunctionPath struct {
	ID string `path:"id" maxLength:"64"`
}

type functionReplace struct {
	FunctionPath
	FunctionInput
}

func (i *functionReplace) audited() (string, map[string]any) { return i.FunctionInput.audited() }

type functionDelete struct {
	FunctionPath
	Force bool `query:"force" doc:"delete it although queries or rules call it"`
}

func (i *functionDelete) audited() (string, map[string]any) {
	return i.ID, map[string]any{"force": i.Force}
}

// FunctionView is a function with where it is called.
type FunctionView struct {
	hunting.Function
	UsedBy []hunting.Use `json:"usedBy" nullable:"false"`
}

func (s *server) registerFunctions(op func(method, path, id, summary string) operation) {
	handle(s, op(http.MethodGet, "/functions", "getFunctions", "Functions that queries may call: built-in, shared and one's own"), func(ctx context.Context, c *call, _ *struct{}) (*output[struct {
		Value []hunting.Function `json:"value" nullable:"false"`
	}], error,
	) {
		list, err := s.Queries.ListFunctions(ctx, c.tenant, c.owner())
		return answer(struct {
			Value []hunting.Function `json:"value" nullable:"false"`
		}{list}), err
	})
	handle(s, op(http.MethodGet, "/functions/{id}", "getFunction", "A function and where it is called"), func(ctx context.Context, c *call, in *FunctionPath) (*output[FunctionView], error) {
		f, uses, err := s.Queries.FindFunction(ctx, c.tenant, c.owner(), in.ID)
		if err != nil {
			return nil, err
		}
		rules, err := s.rulesCalling(ctx, c, f)
		if err != nil {
			return nil, err
		}
		return answer(FunctionView{Function: *f, UsedBy: append(uses, rules...)}), nil
	})
	create := op(http.MethodPost, "/functions", "createFunction", "Save a function")
	create.status, create.quiet = http.StatusCreated, false
	handle(s, create, func(ctx context.Context, c *call, in *FunctionInput) (*output[*hunting.Function], error) {
		f, err := s.Queries.CreateFunction(ctx, c.tenant, c.owner(), in.draft(), c.visible())
		return answer(f), err
	})
	replace := op(http.MethodPut, "/functions/{id}", "replaceFunction", "Change a function of one's own")
	replace.quiet = false
	handle(s, replace, func(ctx context.Context, c *call, in *functionReplace) (*output[*hunting.Function], error) {
		old, _, err := s.Queries.FindFunction(ctx, c.tenant, c.owner(), in.ID)
		if err != nil {
			return nil, err
		}
		rules, err := s.rulesCalling(ctx, c, old)
		if err != nil {
			return nil, err
		}
		f, err := s.Queries.ReplaceFunction(ctx, c.tenant, c.owner(), in.ID, in.draft(), c.visible(), rules)
		return answer(f), err
	})
	remove := op(http.MethodDelete, "/functions/{id}", "deleteFunction", "Delete a function of one's own; one that another shares takes the permission to manage settings")
	remove.status, remove.quiet = http.StatusNoContent, false
	handle(s, remove, func(ctx context.Context, c *call, in *functionDelete) (*nothing, error) {
		f, _, err := s.Queries.FindFunction(ctx, c.tenant, c.owner(), in.ID)
		if err != nil {
			return nil, err
		}
		rules, err := s.rulesCalling(ctx, c, f)
		if err != nil {
			return nil, err
		}
		return &nothing{}, s.Queries.DeleteFunction(ctx, c.tenant, c.owner(), in.ID, c.who.Can(c.tenant, access.CoreManage), in.Force, rules)
	})
}

// rulesCalling lists the rules that call a function. Rules see shared functions only.
func (s *server) rulesCalling(ctx context.Context, c *call, f *hunting.Function) ([]hunting.Use, error) {
	if !f.Shared {
		return nil, nil
	}
	calls, err := regexp.Compile(`\b` + regexp.QuoteMeta(f.Name) + `\s*\(`)
	if err != nil {
		return nil, err
	}
	rules, _, err := s.Rules.List(ctx, c.tenant, detect.Query{Kinds: []string{string(detect.KQL)}})
	if err != nil {
		return nil, err
	}
	var out []hunting.Use
	for _, r := range rules {
		full, err := s.Rules.Get(ctx, c.tenant, r.ID)
		if err != nil {
			return nil, err
		}
		if full.Kind == detect.KQL && calls.MatchString(full.Source) {
			out = append(out, hunting.Use{Kind: "rule", ID: full.ID, Name: full.Title, Owner: full.Author})
		}
	}
	return out, nil
}
