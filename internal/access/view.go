package access

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// View is what of a tenant's data somebody sees: the data of some workloads and, of endpoints, the devices of some device groups. Every reader of data takes
// one and leaves out what it does not show. The zero View shows nothing.
type View struct {
	// Workloads are those whose security data may be read.
	Workloads Workloads
	// Mail and MailContent say whether the metadata and the text of messages may be read.
	Mail, MailContent bool
	// Groups are the ids of the device groups that are visible, in order; nil means every device, also those of groups that are made later.
	Groups []string
}

// Everything is the view of the program itself and of those who may read all.
func Everything() View { return View{Workloads: AllWorkloads, Mail: true, MailContent: true} }

// View returns what the principal sees of the tenant now.
func (p *Principal) View(id tenant.ID) View {
	v := View{Workloads: p.Workloads(id, DataRead), Mail: p.Can(id, MailMetaRead), MailContent: p.Can(id, MailContentRead)}
	if p != nil && p.Kind != KindConsole {
		v.Groups = p.devices[id]
	}
	return v
}

// Whole reports whether alerts, incidents and entities of every kind are visible, so that nothing has to be left out of them.
func (v View) Whole() bool { return v.Workloads == AllWorkloads && v.Groups == nil }

// Sees reports whether something is visible that concerns the workloads and, if any are given, devices of the groups. One visible device is enough; what
// is shown of the others is up to the caller.
func (v View) Sees(w Workloads, groups ...string) bool {
	return v.Workloads&w != 0 && (len(groups) == 0 || slices.ContainsFunc(groups, v.SeesGroup))
}

// SeesGroup reports whether devices of the group are visible. Devices without a group are in the group Ungrouped.
func (v View) SeesGroup(group string) bool {
	if v.Groups == nil {
		return true
	}
	if group == "" {
		group = Ungrouped
	}
	_, ok := slices.BinarySearch(v.Groups, group)
	return ok
}

// Key names the part of a view that decides about alerts, incidents and entities: equal keys see the same ones.
func (v View) Key() string {
	if v.Groups == nil {
		return strconv.Itoa(int(v.Workloads))
	}
	return strconv.Itoa(int(v.Workloads)) + "/" + strings.Join(v.Groups, ",")
}

// Narrow returns the view that sees what both see.
func (v View) Narrow(o View) View {
	out := View{Workloads: v.Workloads & o.Workloads, Mail: v.Mail && o.Mail, MailContent: v.MailContent && o.MailContent, Groups: v.Groups}
	switch {
	case v.Groups == nil:
		out.Groups = o.Groups
	case o.Groups != nil:
		out.Groups = []string{}
		for _, g := range v.Groups {
			if _, ok := slices.BinarySearch(o.Groups, g); ok {
				out.Groups = append(out.Groups, g)
			}
		}
	}
	return out
}
