package winlog_test

import (
	"testing"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

func TestGolden(t *testing.T) {
	goldentest.Run(t, "testdata", func() normalise.Family { return winlog.New(normalise.NewProcessCache(1000)) })
}
