package linux

import (
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func TestLineage(t *testing.T) {
	f := New(normalise.NewProcessCache(100))
	send := func(record string) *normalise.Batch {
		t.Helper()
		var out normalise.Batch
		if err := f.Normalise(&normalise.Record{Tenant: tenant.Default, Number: 1, Received: time.Unix(1930386100, 0), Data: []byte(record)}, &out); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	send("node=db1 type=SYSCALL msg=audit(1930386000.000:1): arch=c000003e syscall=59 success=yes ppid=10 pid=20 uid=0 exe=\"/usr/bin/bash\"\nnode=db1 type=EXECVE msg=audit(1930386000.000:1): argc=2 a0=\"bash\" a1=\"-i\"")
	child := send("node=db1 type=SYSCALL msg=audit(1930386001.000:2): arch=c000003e syscall=59 success=yes ppid=20 pid=21 uid=0 exe=\"/usr/bin/curl\"\nnode=db1 type=EXECVE msg=audit(1930386001.000:2): argc=1 a0=\"curl\"").Rows[0]
	if child.Text("InitiatingProcessFolderPath") != "/usr/bin/bash" || child.Text("InitiatingProcessCommandLine") != "bash -i" {
		t.Errorf("the parent is %q %q", child.Text("InitiatingProcessFolderPath"), child.Text("InitiatingProcessCommandLine"))
	}
	call := send("node=db1 type=SYSCALL msg=audit(1930386002.000:3): arch=c000003e syscall=42 success=yes exit=0 ppid=20 pid=21 uid=0 exe=\"/usr/bin/curl\"\nnode=db1 type=SOCKADDR msg=audit(1930386002.000:3): saddr=020001BBCB0071090000000000000000").Rows[0]
	if call.Text("InitiatingProcessCommandLine") != "curl" || call.Text("InitiatingProcessParentFileName") != "bash" {
		t.Errorf("the connection's process is %q of %q", call.Text("InitiatingProcessCommandLine"), call.Text("InitiatingProcessParentFileName"))
	}
}
