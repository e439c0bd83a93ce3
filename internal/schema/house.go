package schema

import "sync"

// House tables are part of every lake and of no hunting schema: the program keeps in them what queries of its own read beside the hunting tables.

// DeviceGroupMembers says which device group each device is in: of the rows of a device, the one with the greatest Version counts. It is what narrows hunting to
// somebody's device groups.
const DeviceGroupMembers = "DeviceGroupMembers"

var houseTables = sync.OnceValue(func() []*Table {
	t := &Table{Name: DeviceGroupMembers, Workload: "House", Summary: "device group of each device", Columns: []Column{
		{Name: "DeviceId", Type: String}, {Name: "GroupId", Type: String}, {Name: "Version", Type: Long},
	}}
	t.finish()
	return []*Table{t}
})

// House returns the tables that lakes keep beside those of the hunting schema. They take no part in statistics, retention or exports.
func House() []*Table { return houseTables() }

// NewMember returns a row of DeviceGroupMembers.
func NewMember(device, group string, version int64) *Row {
	r := &Row{Table: House()[0]}
	r.Values = make([]any, len(r.Table.Columns))
	r.Set("DeviceId", device)
	r.Set("GroupId", group)
	r.Set("Version", version)
	return r
}
