package linux

import (
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// lineage fills what a row does not say of the process behind it from the processes seen before, and remembers the process that it tells of.
func (f *Family) lineage(r *schema.Row, source string) {
	device := r.Text("DeviceId")
	if f.cache == nil || device == "" {
		return
	}
	at, _ := r.Get("Timestamp").(int64)
	id, _ := r.Get("InitiatingProcessId").(int64)
	var parent normalise.Process
	known := false
	if id > 0 {
		if parent, known = f.cache.At(f.tenant, device, id, at); known {
			known = r.Text("InitiatingProcessFileName") == "" || r.Text("InitiatingProcessFileName") == normalise.Leaf(parent.Path)
		}
	}
	if known {
		fill(r, "InitiatingProcessFolderPath", parent.Path)
		fill(r, "InitiatingProcessFileName", normalise.Leaf(parent.Path))
		fill(r, "InitiatingProcessCommandLine", parent.CommandLine)
		fill(r, "InitiatingProcessAccountName", parent.AccountName)
		fill(r, "InitiatingProcessParentFolderPath", parent.ParentPath)
		fill(r, "InitiatingProcessParentFileName", normalise.Leaf(parent.ParentPath))
		for column, n := range map[string]int64{
			"InitiatingProcessCreationTime": parent.Created, "InitiatingProcessParentId": parent.ParentID, "InitiatingProcessParentCreationTime": parent.ParentCreated,
		} {
			if n != 0 && r.Has(column) && r.Get(column) == nil {
				r.Set(column, n)
			}
		}
	}
	own, _ := r.Get("ProcessId").(int64)
	if r.Table.Name != "DeviceProcessEvents" || own <= 0 {
		return
	}
	p := normalise.Process{
		Tenant: f.tenant, Device: device, ID: own, Path: r.Text("FolderPath"), CommandLine: r.Text("ProcessCommandLine"), AccountName: r.Text("AccountName"), Created: at, ParentID: id, Source: source,
		ParentPath: r.Text("InitiatingProcessFolderPath"),
	}
	if known {
		p.ParentCreated = parent.Created
	}
	// A process that becomes another program (execve without fork) keeps its id and parent.
	f.cache.Add(p)
}

func fill(r *schema.Row, column, value string) {
	if value != "" && r.Has(column) && r.Get(column) == nil {
		r.Set(column, value)
	}
}
