// Package incident owns alerts, their evidence, and the incidents they are joined into: storage, correlation with explained edges, state machines,
// comments and the activity log. detect hands it Detections; everything above (portal, API, investigation) reads and changes through Service.
package incident

import (
	"time"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Severity rates risk to the organisation.
type Severity string

// Severities from least to most.
const (
	Informational Severity = "Informational"
	Low           Severity = "Low"
	Medium        Severity = "Medium"
	High          Severity = "High"
)

// Detection is one hit of one detector: a rule that matched a record, a row of a scheduled query, or a finished alert of another product.
// Service.Accept folds repeats (same FoldKey within the window) into one alert and keeps every hit.
type Detection struct {
	Tenant          tenant.ID
	RuleID          string // stable id of the rule; for third-party alerts "PRODUCT/TITLE"
	RuleTitle       string
	Title           string // alert title; RuleTitle when empty
	Description     string
	Recommended     string // recommended actions, markdown
	Severity        Severity
	Category        string   // ATT&CK tactic in CamelCase (CredentialAccess), or Malware, Ransomware, SuspiciousActivity, UnwantedSoftware
	Techniques      []string // ATT&CK ids, "T1003.001"
	ServiceSource   string   // endpoint, email, identity, cloudapps, xdr, …
	DetectionSource string   // edr, customDetection, thirdPartySensor, …
	Product         string   // third-party product name
	Time            time.Time
	Evidence        []Evidence
	Matched         []FieldMatch
	Hit             Hit
	// FoldKey groups repeats of one rule: hits of the same RuleID and FoldKey within the fold window become one alert. Empty: derived from the main entities.
	FoldKey string
	Lab     string
}

// Hit is one raw occurrence behind an alert. (Source file and record number, or external id) make it unique, so replays are harmless.
type Hit struct {
	File       string
	Record     int64
	Content    uint64 // hash of the record's bytes: a path that is written anew has other records at the same numbers
	ExternalID string
	Time       time.Time
}

// FieldMatch explains one condition that was met.
type FieldMatch struct {
	Field string `json:"field"`
	Value string `json:"value"` // the record's value, cut to 1,000 characters
	Match string `json:"match"` // the rule's test in words: "endswith \mimikatz.exe"
}

// Role is the part an entity plays in an alert.
type Role string

// Roles of evidence, as in the alert's JSON.
const (
	Contextual        Role = "contextual"
	Scanned           Role = "scanned"
	Source            Role = "source"
	Destination       Role = "destination"
	Created           Role = "created"
	Added             Role = "added"
	Compromised       Role = "compromised"
	Edited            Role = "edited"
	Attacked          Role = "attacked"
	Attacker          Role = "attacker"
	CommandAndControl Role = "commandAndControl"
	Loaded            Role = "loaded"
	SuspiciousRole    Role = "suspicious"
	PolicyViolator    Role = "policyViolator"
)

// Rank orders severities: Informational 0 to High 3. Unknown words rank as Informational.
func (s Severity) Rank() int {
	switch s {
	case High:
		return 3
	case Medium:
		return 2
	case Low:
		return 1
	}
	return 0
}

// SeverityOf is the inverse of Rank.
func SeverityOf(rank int) Severity {
	switch {
	case rank >= 3:
		return High
	case rank == 2:
		return Medium
	case rank == 1:
		return Low
	}
	return Informational
}

// Evidence is one entity of an alert with the facts its type has. JSON names are those of the API and of third-party alerts.
type Evidence struct {
	Type              string `json:"type"` // device user ip file process url mailbox mailMessage cloudApp registry …
	Roles             []Role `json:"roles,omitempty"`
	Verdict           string `json:"verdict,omitempty"`           // Malicious Suspicious NoThreatsFound Unknown
	RemediationStatus string `json:"remediationStatus,omitempty"` // None Remediated …
	EntityKey         string `json:"entityKey,omitempty"`         // canonical key, set by entity resolution

	DeviceID   string `json:"deviceId,omitempty"`
	HostName   string `json:"hostName,omitempty"`
	OSPlatform string `json:"osPlatform,omitempty"`

	AccountName   string `json:"accountName,omitempty"`
	AccountDomain string `json:"accountDomain,omitempty"`
	AccountSID    string `json:"accountSid,omitempty"`
	AccountUPN    string `json:"accountUpn,omitempty"`
	AccountID     string `json:"accountObjectId,omitempty"`
	DisplayName   string `json:"displayName,omitempty"`

	Address string `json:"address,omitempty"` // ip
	URL     string `json:"url,omitempty"`
	Domain  string `json:"domain,omitempty"`

	FileName   string `json:"fileName,omitempty"`
	FolderPath string `json:"folderPath,omitempty"` // full path
	SHA1       string `json:"sha1,omitempty"`
	SHA256     string `json:"sha256,omitempty"`
	MD5        string `json:"md5,omitempty"`

	ProcessID         int64      `json:"processId,omitempty"`
	ProcessGUID       string     `json:"processGuid,omitempty"`
	CommandLine       string     `json:"commandLine,omitempty"`
	ProcessCreated    *time.Time `json:"processCreationTime,omitempty"`
	ParentProcessID   int64      `json:"parentProcessId,omitempty"`
	ParentProcessGUID string     `json:"parentProcessGuid,omitempty"`
	ParentFileName    string     `json:"parentFileName,omitempty"`
	ParentCommandLine string     `json:"parentCommandLine,omitempty"`

	Mailbox           string `json:"mailbox,omitempty"` // primary address
	NetworkMessageID  string `json:"networkMessageId,omitempty"`
	InternetMessageID string `json:"internetMessageId,omitempty"`
	Sender            string `json:"sender,omitempty"`
	Recipient         string `json:"recipient,omitempty"`
	Subject           string `json:"subject,omitempty"`

	RegistryKey       string `json:"registryKey,omitempty"`
	RegistryValueName string `json:"registryValueName,omitempty"`
	RegistryValueData string `json:"registryValueData,omitempty"`

	Application   string `json:"application,omitempty"`
	ApplicationID string `json:"applicationId,omitempty"`
	Name          string `json:"name,omitempty"` // service, scheduled task, group, resource
}
