package api

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// TestRsyslogElasticsearch has a real rsyslogd deliver by omelasticsearch: its question for health, and bulk requests.
func TestRsyslogElasticsearch(t *testing.T) {
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/rsyslogd"); err != nil {
			t.Skip("rsyslogd is not installed")
		}
	}
	if found, _ := filepath.Glob("/usr/lib/*/rsyslog/omelasticsearch.so"); len(found) == 0 {
		t.Skip("rsyslog-elasticsearch is not installed")
	}
	h := open2(t)
	h.server.Hold = 30 * time.Second
	_, secret := h.token("t2", access.ScopeIngest)
	const lines, before = 200, 80
	dir := t.TempDir()
	file, err := os.OpenFile(filepath.Join(dir, "in.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write := func(from, to int) {
		t.Helper()
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "line %d with \"quotes\" and ünïcode\n", i)
		}
		if _, err := file.WriteString(b.String()); err != nil {
			t.Fatal(err)
		}
	}
	write(0, before)
	_, port, _ := strings.Cut(strings.TrimPrefix(h.url, "http://"), ":")
	config := fmt.Sprintf(`global(workDirectory=%q)
module(load="imfile" mode="polling" pollingInterval="1")
module(load="omelasticsearch")
template(name="document" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="program" name="programname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
input(type="imfile" file=%q tag="trial:")
action(type="omelasticsearch" server="127.0.0.1" serverport=%q uid="rsyslog" pwd=%q template="document" searchIndex="logs" searchType="" bulkmode="on"
       action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="linkedList" queue.dequeuebatchsize="50")
`, dir, filepath.Join(dir, "in.log"), port, secret)
	if err := os.WriteFile(filepath.Join(dir, "rsyslog.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.CommandContext(t.Context(), program, "-n", "-f", filepath.Join(dir, "rsyslog.conf"), "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	taken := func() []string {
		h.ingest.mu.Lock()
		defer h.ingest.mu.Unlock()
		return append([]string(nil), h.ingest.took...)
	}
	wait := func(ready func() bool) {
		for deadline := time.Now().Add(60 * time.Second); !ready() && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
	}
	wait(func() bool { return len(taken()) >= before })
	// The bus is away for a while: what comes meanwhile is not refused, for rsyslog would throw it away.
	h.ingest.refuse(fault.Newf(fault.Unavailable, "the bus is not connected"))
	write(before, lines)
	wait(func() bool { return h.ingest.refused() >= 5 })
	if n := len(taken()); n != before {
		t.Errorf("%d lines were taken while the bus was away", n-before)
	}
	h.ingest.refuse(nil)
	wait(func() bool { return len(taken()) >= lines })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	got := taken()
	if len(got) != lines {
		t.Fatalf("%d lines of %d arrived; rsyslogd says %s", len(got), lines, log.String())
	}
	for i, doc := range got {
		if !strings.Contains(doc, fmt.Sprintf(`"message":"line %d with \"quotes\" and ünïcode"`, i)) || !strings.Contains(doc, `"program":"trial"`) {
			t.Fatalf("document %d is %s", i, doc)
		}
	}
}
