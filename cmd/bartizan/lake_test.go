package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// TestBothLakesAnswerAlike imports the same records into the lake of the data folder and into one on ClickHouse, and asks both the same.
func TestBothLakesAnswerAlike(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Shared(t)
	work := t.TempDir()
	logs := filepath.Join(work, "logs")
	writeEstate(t, logs)
	config := filepath.Join(work, "bartizan.yaml")
	if err := os.WriteFile(config, []byte("lake: clickhouse://default@"+server.Shards[0].TCP+"/alike\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(lake string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bartizan", args...)
		cmd.Args = append(cmd.Args, "--data", filepath.Join(work, lake))
		cmd.Env = os.Environ()
		if lake == "clickhouse" {
			cmd.Env = append(cmd.Env, "BARTIZAN_SERVER_CONFIG="+config)
		}
		var errors strings.Builder
		cmd.Stderr = &errors
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: bartizan %s: %v\n%s", lake, strings.Join(args, " "), err, errors.String())
		}
		return string(out)
	}
	for _, lake := range []string{"duckdb", "clickhouse"} {
		run(lake, "import", "--no-detect", logs)
		run(lake, "import", "--no-detect", logs) // stores nothing again
	}
	if files, err := filepath.Glob(filepath.Join(work, "clickhouse", "lake", "*.duckdb")); err != nil || len(files) > 0 {
		t.Errorf("the data folder has a lake of its own: %v, %v", files, err)
	}
	rows := 0
	for _, query := range []string{
		"union withsource=T * | summarize n = count() by T | sort by T asc",
		"union Device* | summarize n = count(), dcount(DeviceId), min(Timestamp), max(Timestamp) by ActionType | sort by ActionType asc",
		"DeviceProcessEvents | sort by Timestamp asc, ReportId asc | take 20",
		`DeviceProcessEvents | where ProcessCommandLine has "powershell" or FileName =~ "cmd.exe" | summarize n = count() by FileName, AccountName | sort by n desc, FileName asc, AccountName asc`,
		"DeviceNetworkEvents | join kind=leftouter (DeviceProcessEvents | distinct DeviceId, FileName) on DeviceId | summarize n = count() by RemotePort | sort by n desc, RemotePort asc",
		"DeviceLogonEvents | extend F = todynamic(AdditionalFields) | mv-expand K = bag_keys(F) to typeof(string) | summarize n = count() by K | sort by n desc, K asc",
	} {
		want, got := run("duckdb", "hunt", "--format", "ndjson", query), run("clickhouse", "hunt", "--format", "ndjson", query)
		if want != got {
			t.Errorf("%s\nduckdb:\n%.2000s\nclickhouse:\n%.2000s", query, want, got)
		}
		rows += strings.Count(got, "\n")
	}
	if rows < 40 {
		t.Errorf("%d rows are too few to compare", rows)
	}
}
