package access

import (
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Permission is the slug of one thing that may be done.
type Permission string

// The permissions. The list grows; nothing may rely on it being complete.
const (
	DataRead          Permission = "secops.data.read"
	AlertsManage      Permission = "secops.alerts.manage"
	ResponseManage    Permission = "secops.response.manage"
	LiveBasic         Permission = "secops.lr.basic.manage"
	LiveAdvanced      Permission = "secops.lr.advanced.manage"
	FilesManage       Permission = "secops.files.manage"
	QuarantineManage  Permission = "secops.quarantine.manage"
	EmailActions      Permission = "secops.email.actions.manage"
	MailMetaRead      Permission = "secops.raw.mailmeta.read"
	MailContentRead   Permission = "secops.raw.mailcontent.read"
	VulnerabilityRead Permission = "posture.tvm.read"
	ExceptionManage   Permission = "posture.exception.manage"
	RemediationManage Permission = "posture.remediation.manage"
	ApplicationManage Permission = "posture.application.manage"
	BaselineManage    Permission = "posture.baseline.manage"
	ScoreRead         Permission = "posture.score.read"
	ScoreManage       Permission = "posture.score.manage"
	RolesRead         Permission = "auth.roles.read"
	RolesManage       Permission = "auth.roles.manage"
	AuditRead         Permission = "auth.audit.read"
	CoreRead          Permission = "settings.core.read"
	CoreManage        Permission = "settings.core.manage"
	DetectionManage   Permission = "settings.detection.manage"
	SystemRead        Permission = "settings.system.read"
	SystemManage      Permission = "settings.system.manage"
)

// Definition describes a permission to people.
type Definition struct {
	Permission Permission `json:"permission"`
	Group      string     `json:"group"`
	Label      string     `json:"label"`
	Manage     bool       `json:"manage"` // otherwise it only reads
	// Workloads are those that the permission means anything for.
	Workloads Workloads `json:"-"`
}

// Category is the part of the role editor that the permission stands in: the group's name before its colon.
func (d Definition) Category() string {
	category, _, _ := strings.Cut(d.Group, ":")
	return category
}

// Catalogue returns all permissions in the order of the role editor.
func Catalogue() []Definition {
	const (
		ops     = "Security operations: security data"
		raw     = "Security operations: raw data"
		posture = "Security posture"
		auth    = "Authorization and settings"
	)
	return []Definition{
		{DataRead, ops, "Security data basics (read)", false, AllWorkloads},
		{AlertsManage, ops, "Alerts (manage)", true, AllWorkloads},
		{ResponseManage, ops, "Response (manage)", true, AllWorkloads},
		{LiveBasic, ops, "Basic live response (manage)", true, Endpoint},
		{LiveAdvanced, ops, "Advanced live response (manage)", true, Endpoint},
		{FilesManage, ops, "File collection (manage)", true, Endpoint},
		{QuarantineManage, ops, "Email & collaboration quarantine (manage)", true, Email},
		{EmailActions, ops, "Email & collaboration advanced actions (manage)", true, Email},
		{MailMetaRead, raw, "Email & collaboration metadata (read)", false, Email},
		{MailContentRead, raw, "Email & collaboration content (read)", false, Email},
		{VulnerabilityRead, posture, "Vulnerability management (read)", false, Endpoint},
		{ExceptionManage, posture, "Exception handling (manage)", true, Endpoint},
		{RemediationManage, posture, "Remediation handling (manage)", true, Endpoint},
		{ApplicationManage, posture, "Application handling (manage)", true, Endpoint},
		{BaselineManage, posture, "Security baseline assessment (manage)", true, Endpoint},
		{ScoreRead, posture, "Secure score (read)", false, AllWorkloads},
		{ScoreManage, posture, "Secure score (manage)", true, AllWorkloads},
		{RolesRead, auth, "Authorization (read)", false, AllWorkloads},
		{RolesManage, auth, "Authorization (manage)", true, AllWorkloads},
		{AuditRead, auth, "Audit log (read)", false, AllWorkloads},
		{CoreRead, auth, "Core security settings (read)", false, AllWorkloads},
		{CoreManage, auth, "Core security settings (manage)", true, AllWorkloads},
		{DetectionManage, auth, "Detection tuning (manage)", true, AllWorkloads},
		{SystemRead, auth, "System settings (read)", false, AllWorkloads},
		{SystemManage, auth, "System settings (manage)", true, AllWorkloads},
	}
}

// Label returns the permission's name for people.
func (p Permission) Label() string {
	for _, d := range Catalogue() {
		if d.Permission == p {
			return d.Label
		}
	}
	return string(p)
}

// Workloads is a set of workloads.
type Workloads uint8

// The workloads.
const (
	Endpoint Workloads = 1 << iota
	Email
	Identity
	CloudApps

	AllWorkloads = Endpoint | Email | Identity | CloudApps
)

// workloadNames are the names of the workloads in the order of their bits.
func workloadNames() []string { return []string{"endpoint", "email", "identity", "cloudApps"} }

// Names lists the workloads of the set by name.
func (w Workloads) Names() []string {
	out := []string{}
	for i, name := range workloadNames() {
		if w&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// ParseWorkloads reads names of workloads.
func ParseWorkloads(names []string) (Workloads, error) {
	var w Workloads
	for _, n := range names {
		i := slices.Index(workloadNames(), n)
		if i < 0 {
			return 0, fault.Newf(fault.Invalid, "there is no data source %q; known: %s", n, strings.Join(workloadNames(), ", ")).On("workloads")
		}
		w |= 1 << i
	}
	return w, nil
}

// Grants says for which workloads each permission is held.
type Grants map[Permission]Workloads

func (g Grants) add(more Grants) {
	for p, w := range more {
		g[p] |= w
	}
}

// Scope narrows what an API token may be used for.
type Scope string

// The scopes. Each operation of the API names the one it needs.
const (
	ScopeRead   Scope = "read"   // look at everything the owner may see
	ScopeWrite  Scope = "write"  // and change incidents, alerts, rules
	ScopeHunt   Scope = "hunt"   // run queries
	ScopeIngest Scope = "ingest" // deliver records, and nothing else
	ScopeAdmin  Scope = "admin"  // manage users, tokens, settings, tenants and backups
)

// Scopes is a set of scopes.
type Scopes uint8

const (
	bitRead Scopes = 1 << iota
	bitWrite
	bitHunt
	bitIngest
	bitAdmin

	// AllScopes is what a signed-in user has.
	AllScopes = bitRead | bitWrite | bitHunt | bitIngest | bitAdmin
)

func (s Scope) bit() Scopes {
	switch s {
	case ScopeRead:
		return bitRead
	case ScopeWrite:
		return bitRead | bitWrite
	case ScopeHunt:
		return bitHunt
	case ScopeIngest:
		return bitIngest
	case ScopeAdmin:
		return AllScopes &^ bitIngest
	}
	return 0
}

func (s Scopes) has(scope Scope) bool {
	switch scope {
	case ScopeRead:
		return s&bitRead != 0
	case ScopeWrite:
		return s&bitWrite != 0
	case ScopeHunt:
		return s&bitHunt != 0
	case ScopeIngest:
		return s&bitIngest != 0
	case ScopeAdmin:
		return s&bitAdmin != 0
	}
	return false
}

// allow says whether the scopes leave the permission standing at all. It is the second fence behind the scope that each operation names.
func (s Scopes) allow(p Permission) bool {
	if s&bitAdmin != 0 {
		return true
	}
	switch p {
	case DataRead, MailMetaRead:
		return s&(bitRead|bitWrite|bitHunt) != 0
	case RolesRead, RolesManage, AuditRead, SystemManage, CoreManage, LiveBasic, LiveAdvanced, FilesManage, MailContentRead:
		return false
	}
	for _, d := range Catalogue() {
		if d.Permission == p {
			if d.Manage {
				return s&bitWrite != 0
			}
			return s&bitRead != 0
		}
	}
	return false
}

// scopeGrants is what a token without an owner holds before its scopes are applied.
func scopeGrants() Grants {
	g := Grants{}
	for _, d := range Catalogue() {
		g[d.Permission] = AllWorkloads
	}
	return g
}
