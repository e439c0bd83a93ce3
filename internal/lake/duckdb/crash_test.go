package duckdb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// crashFolder tells the process of a crash test where its lake is.
const crashFolder = "BARTIZAN_TEST_CRASH_FOLDER"

// TestWriterToBeKilled is not a test but the process that TestKilledCompaction kills: it appends and compacts without end.
func TestWriterToBeKilled(t *testing.T) {
	dir := os.Getenv(crashFolder)
	if dir == "" {
		t.Skip("it runs within TestKilledCompaction")
	}
	ctx := context.Background()
	s, err := engineIn(t, dir).Open(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.Position(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := s.Compact(ctx, nil); err != nil {
				fmt.Println("error", err)
			}
			fmt.Println("compacted")
		}
	}()
	for {
		rows := make([]*schema.Row, 200)
		for i := range rows {
			at++
			rows[i] = laketest.Process(laketest.At().Add(time.Duration(at)*time.Second), fmt.Sprint("p", at))
			rows[i].Set("RecordNumber", at)
		}
		if err := s.Append(ctx, rows, map[string]int64{"s": at}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("at", at)
	}
}

// TestKilledCompaction kills a process that appends and compacts, at many moments, and looks whether every row that was acknowledged is there once.
func TestKilledCompaction(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	dir := t.TempDir()
	ctx := context.Background()
	acknowledged, compactions := int64(0), 0
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWriterToBeKilled$", "-test.v")
		cmd.Env = append(os.Environ(), crashFolder+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		// One round ends within the first compaction, the others soon after the first one: within the second, or between them.
		var stop *time.Timer
		kill := func(after time.Duration) {
			if stop == nil || stop.Stop() {
				stop = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			}
		}
		for lines.Scan() {
			what, number, _ := strings.Cut(lines.Text(), " ")
			switch what {
			case "at":
				acknowledged, _ = strconv.ParseInt(number, 10, 64)
				if stop == nil && round == 0 {
					kill(400 * time.Millisecond)
				} else if stop == nil {
					kill(time.Minute)
				}
			case "compacted":
				compactions++
				kill(time.Duration(round*round*90) * time.Millisecond)
			case "error":
				t.Errorf("round %d: %s", round, number)
			}
		}
		_ = cmd.Wait() // it was killed
		e := engineIn(t, dir)
		s, err := e.Open(ctx, "default")
		if err != nil {
			t.Fatalf("after kill %d: %v", round, err)
		}
		p, err := s.Position(ctx, "s")
		if err != nil || p < acknowledged {
			t.Errorf("after kill %d the position is %d of %d, %v", round, p, acknowledged, err)
		}
		want := fmt.Sprintf("%d | %d | %d", p, p, p)
		if got := laketest.Hunt(t, s, "DeviceProcessEvents | summarize count(), count_distinct(RecordNumber), max(RecordNumber)"); got[0] != want {
			t.Errorf("after kill %d: %s, want %s", round, got[0], want)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows, %d compactions", acknowledged, compactions)
	if acknowledged == 0 || compactions == 0 {
		t.Error("nothing was written or compacted")
	}
}
