package api

import (
	"errors"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql"
)

func TestFormatFault(t *testing.T) {
	_, err := kql.Format("T |\n| where")
	var f *fault.Error
	if !errors.As(formatFault(err), &f) || f.Code != "syntax" || f.Details["line"] != 2 {
		t.Fatalf("got %+v for %v", f, err)
	}
	other := errors.New("disk")
	if got := formatFault(other); !errors.Is(got, other) {
		t.Fatalf("another error became %v", got)
	}
}
