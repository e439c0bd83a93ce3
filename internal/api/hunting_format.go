package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql"
)

// registerHuntingFormat adds the call by which an editor lays a query out.
func (s *server) registerHuntingFormat(op func(method, path, id, summary string) operation) {
	format := op(http.MethodPost, "/format", "formatQuery", "Lay a query out in the usual way")
	handle(s, format, func(_ context.Context, _ *call, in *checkInput) (*output[struct {
		Query string `json:"query"`
	}], error,
	) {
		text, err := kql.Format(in.Body.Query)
		if err != nil {
			return nil, formatFault(err)
		}
		return answer(struct {
			Query string `json:"query"`
		}{text}), nil
	})
}

// formatFault says where the text is that cannot be laid out.
func formatFault(err error) error {
	var bad *kql.Error
	if !errors.As(err, &bad) {
		return err
	}
	details := map[string]any{"line": bad.Line, "column": bad.Column, "endLine": bad.EndLine, "endColumn": bad.EndColumn}
	if bad.Hint != "" {
		details["hint"] = bad.Hint
	}
	return &fault.Error{Code: fault.Code(bad.Code), Message: bad.Message, Details: details}
}
