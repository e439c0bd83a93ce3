package incident

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Status of an incident (Active, InProgress, Resolved, Redirected) or of an alert (New, InProgress, Resolved).
type Status string

// The states. StatusRedirected is set by merges only and is terminal. Alerts use StatusNew where incidents use StatusActive; each accepts the other's word.
const (
	StatusActive     Status = "Active"
	StatusNew        Status = "New"
	StatusInProgress Status = "InProgress"
	StatusResolved   Status = "Resolved"
	StatusRedirected Status = "Redirected"
)

// ActorKind says what sort of principal made a change.
type ActorKind string

// The kinds of actors in activity logs.
const (
	ByUser       ActorKind = "user"
	BySystem     ActorKind = "system"
	ByAutomation ActorKind = "automation"
	ByAPI        ActorKind = "api"
)

// Actor is who makes a change; its name stands in the activity log.
type Actor struct {
	Name string // sign-in name of the user, or the name of the component
	Kind ActorKind
}

// System is the correlation engine as an actor.
var System = Actor{Name: "correlation", Kind: BySystem}

// EntityRef names one entity of an incident or alert.
type EntityRef struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Join is one edge between two alerts and the reason for it.
type Join struct {
	AlertID    string  `json:"alertId"`
	ToAlertID  string  `json:"toAlertId"`
	Kind       string  `json:"kind"`   // correlation kind, "sameProcessTree"
	Entity     string  `json:"entity"` // canonical key of what is shared
	Weight     float64 `json:"weight"`
	GapSeconds int64   `json:"gapSeconds"`
	Rarity     float64 `json:"rarity"` // 0 everyday … 1 never seen before
	Text       string  `json:"text"`   // the reason in words
}

// Incident is a group of alerts that belong together.
type Incident struct {
	ID                 int64       `json:"id"`
	RedirectIncidentID *int64      `json:"redirectIncidentId,omitempty"` // the incident that absorbed this one; reads by id answer with the target's data and this field set
	Name               string      `json:"name"`
	Severity           Severity    `json:"severity"`
	SeverityOverridden bool        `json:"severityOverridden,omitempty"`
	Status             Status      `json:"status"`
	Classification     string      `json:"classification"`
	Determination      string      `json:"determination"`
	AssignedTo         string      `json:"assignedTo"`
	Tags               []string    `json:"tags"`
	SystemTags         []string    `json:"systemTags"`
	ResolvingComment   string      `json:"resolvingComment,omitempty"`
	CreatedTime        time.Time   `json:"createdTime"`
	LastUpdateTime     time.Time   `json:"lastUpdateTime"`
	FirstActivity      time.Time   `json:"firstActivity"`
	LastActivity       time.Time   `json:"lastActivity"`
	AlertCount         int         `json:"alertCount"`
	ActiveAlertCount   int         `json:"activeAlertCount"`
	Devices            []EntityRef `json:"devices"` // at most 50 of each kind here; the incident's own lists page through all
	Users              []EntityRef `json:"users"`
	Mailboxes          []EntityRef `json:"mailboxes"`
	DeviceCount        int         `json:"deviceCount"`
	UserCount          int         `json:"userCount"`
	MailboxCount       int         `json:"mailboxCount"`
	Categories         []string    `json:"categories"`
	Techniques         []string    `json:"techniques"`
	ServiceSources     []string    `json:"serviceSources"`
	DetectionSources   []string    `json:"detectionSources"`
	InvestigationState string      `json:"investigationState"`
	Lab                bool        `json:"lab"`
	Full               bool        `json:"full,omitempty"` // it reached the growth bound: further alerts open incidents of their own
	AlertIDs           []string    `json:"alertIds,omitempty"`
	Joins              []Join      `json:"joins,omitempty"`
	Comments           []Comment   `json:"comments,omitempty"`
}

// Comment is one remark on an incident or alert; comments are never changed.
type Comment struct {
	Comment     string    `json:"comment"`
	CreatedBy   string    `json:"createdBy"`
	CreatedTime time.Time `json:"createdTime"`
}

// Alert is a detection with its repeats.
type Alert struct {
	ID                 string       `json:"id"`
	ProviderAlertID    string       `json:"providerAlertId,omitempty"`
	IncidentID         int64        `json:"incidentId"`
	IncidentName       string       `json:"incidentName,omitempty"`
	Title              string       `json:"title"`
	Description        string       `json:"description,omitempty"`
	RecommendedActions string       `json:"recommendedActions,omitempty"`
	Severity           Severity     `json:"severity"`
	Status             Status       `json:"status"`
	Category           string       `json:"category"`
	Techniques         []string     `json:"mitreTechniques"`
	ServiceSource      string       `json:"serviceSource"`
	DetectionSource    string       `json:"detectionSource"`
	Product            string       `json:"product,omitempty"`
	RuleID             string       `json:"ruleId"`
	RuleTitle          string       `json:"ruleTitle"`
	Classification     string       `json:"classification"`
	Determination      string       `json:"determination"`
	AssignedTo         string       `json:"assignedTo"`
	Tags               []string     `json:"tags"`
	CreatedTime        time.Time    `json:"createdTime"`
	LastUpdateTime     time.Time    `json:"lastUpdateTime"`
	ResolvedTime       *time.Time   `json:"resolvedTime,omitempty"`
	FirstActivity      time.Time    `json:"firstActivity"`
	LastActivity       time.Time    `json:"lastActivity"`
	HitCount           int64        `json:"hitCount"`
	InvestigationState string       `json:"investigationState"`
	LinkReasons        []string     `json:"linkReasons"`
	Devices            []EntityRef  `json:"devices"`
	Users              []EntityRef  `json:"users"`
	Mailboxes          []EntityRef  `json:"mailboxes"`
	Lab                bool         `json:"lab"`
	Evidence           []Evidence   `json:"evidence,omitempty"`
	Matched            []FieldMatch `json:"matched,omitempty"`
	Hits               []HitRecord  `json:"hits,omitempty"` // first 100
	Joins              []Join       `json:"joins,omitempty"`
	Comments           []Comment    `json:"comments,omitempty"`
}

// HitRecord is one raw hit as lists and exports show it.
type HitRecord struct {
	AlertID    string    `json:"alertId,omitempty"`
	IncidentID int64     `json:"incidentId,omitempty"`
	ExternalID string    `json:"externalId,omitempty"`
	File       string    `json:"file,omitempty"`
	Record     int64     `json:"record,omitempty"`
	Time       time.Time `json:"time"`
}

// Query filters, sorts and pages a list. Values within one field are alternatives, fields are conditions that must all hold.
// Times bound lastActivity. OrderBy is "field:asc" or "field:desc" with the JSON name of a sortable column; ties are broken by id.
type Query struct {
	Status, Severity, AssignedTo, Classification, ServiceSource, DetectionSource, Category, Tag []string

	Entity     string // canonical entity key
	From, To   time.Time
	Lab        *bool
	Search     string // id, part of a name or title, or part of an entity's name
	OrderBy    string
	Top, Skip  int  // Top 0 means everything
	Count      bool // ask for the total
	IncidentID int64
	RuleID     string
	Full       bool // alerts with evidence, hits and joins; incidents with alert ids and joins
}

// Page is one page of a list. Count is the total over all pages when it was asked for, else -1.
type Page[T any] struct {
	Value []T
	Count int64
}

// Patch changes an incident or alert; nil fields stay as they are. ResolvingComment, Name and Severity are for incidents only.
type Patch struct {
	Status           *Status   `json:"status,omitempty"`
	Severity         *Severity `json:"severity,omitempty"`
	Name             *string   `json:"name,omitempty"`
	AssignedTo       *string   `json:"assignedTo,omitempty"` // "" takes the assignment away
	Classification   *string   `json:"classification,omitempty"`
	Determination    *string   `json:"determination,omitempty"`
	Tags             *[]string `json:"tags,omitempty"`
	Comment          *string   `json:"comment,omitempty"`
	ResolvingComment *string   `json:"resolvingComment,omitempty"`
}

// BulkResult tells what became of each id of a bulk change.
type BulkResult struct {
	Updated int
	Failed  []BulkFailure
}

// BulkFailure is one id that could not be changed and why (a fault).
type BulkFailure struct {
	ID  string
	Err error
}

// Activity is one entry of the append-only log of an incident or alert.
type Activity struct {
	Time       time.Time `json:"time"`
	Actor      string    `json:"actor"`
	ActorKind  ActorKind `json:"actorKind"`
	Type       string    `json:"type"`       // comment, status, severity, name, assignedTo, classification, tags, alertJoined, merged, moved, unlinked, created, growthBound …
	TargetType string    `json:"targetType"` // incident or alert
	TargetID   string    `json:"targetId"`
	Old        string    `json:"old,omitempty"`
	New        string    `json:"new,omitempty"`
	Text       string    `json:"text"`
	MergedFrom int64     `json:"mergedFrom,omitempty"` // the incident whose log the entry came from
}

// Asset is a device, user or mailbox of an incident with its alerts.
type Asset struct {
	Key       string    `json:"key"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Alerts    int       `json:"alerts"`
	Severity  Severity  `json:"severity"` // the highest of its alerts here
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	Facts     Evidence  `json:"facts"` // what evidence says about it
}

// EvidenceItem is one entity of an incident's Evidence tab.
type EvidenceItem struct {
	Evidence
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	AlertIDs  []string  `json:"alertIds"`
}

// Graph is an incident's alerts and entities with what ties them.
type Graph struct {
	Nodes     []GraphNode `json:"nodes"`
	Edges     []GraphEdge `json:"edges"`
	Truncated bool        `json:"truncated"` // more than the graph's bound of nodes; the ones with most ties are shown
}

// GraphNode is an alert or entity.
type GraphNode struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Label     string   `json:"label"`
	EntityKey string   `json:"entityKey,omitempty"`
	AlertID   string   `json:"alertId,omitempty"`
	Severity  Severity `json:"severity,omitempty"`
}

// GraphEdge ties two nodes: an alert to an entity it names (kind is the role), or two alerts (kind is the join's).
type GraphEdge struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
}

// FacetCount is how many items have one value of a filter.
type FacetCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Change is one thing that subscribers are told about.
type Change struct {
	Tenant tenant.ID
	Kind   string // incident or alert
	ID     string
	Change string // created, updated, merged
	Time   time.Time
}

// Publisher tells the rest of the system what changed. Calls come after the change is durable, in order, and must not block for long.
type Publisher interface {
	Publish(ctx context.Context, changes []Change)
}

// Result says what Accept did with a batch of detections.
type Result struct {
	Hits             int      // hits that were new
	Replayed         int      // hits that were already stored
	AlertsCreated    []string // ids
	AlertsUpdated    []string // also alerts whose opening hit was replayed
	IncidentsCreated []int64
	IncidentsUpdated []int64
	Merged           int // incidents absorbed by others
}
