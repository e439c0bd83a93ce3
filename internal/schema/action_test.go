package schema

import (
	"slices"
	"testing"
)

func TestActionTypes(t *testing.T) {
	all := ActionTypes("DeviceEvents")
	for _, name := range []string{"ScriptContent", "ScriptContentPart", "ElevationDenied", "SecurityGroupModified", "SecurityGroupCreated"} {
		if !slices.Contains(all, name) {
			t.Errorf("%s is not known", name)
		}
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("the list is not sorted, or holds a name twice")
	}
}
