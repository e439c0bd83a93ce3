package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// defenderActions names what Defender's events are.
var defenderActions = map[int]string{
	1000: "AntivirusScanStarted", 1001: "AntivirusScanCompleted", 1002: "AntivirusScanCancelled", 1005: "AntivirusScanFailed",
	1006: "AntivirusDetection", 1007: "AntivirusMalwareBlocked", 1008: "AntivirusMalwareActionFailed",
	1009: "AntivirusQuarantineRestored", 1013: "AntivirusHistoryDeleted", 1015: "AntivirusDetection",
	1116: "AntivirusDetection", 1117: "AntivirusMalwareBlocked", 1118: "AntivirusMalwareActionFailed", 1119: "AntivirusMalwareActionFailed",
	2000: "AntivirusDefinitionsUpdated", 2001: "AntivirusDefinitionsUpdateFailed", 3002: "AntivirusError", 5008: "AntivirusError",
	5001: "AntivirusRealTimeProtectionDisabled", 5000: "AntivirusRealTimeProtectionEnabled",
	5004: "AntivirusConfigurationChanged", 5007: "AntivirusConfigurationChanged", 5009: "AntivirusScanningEnabled", 5010: "AntivirusScanningDisabled",
	5011: "AntivirusScanningEnabled", 5012: "AntivirusScanningDisabled", 5013: "TamperingAttempt",
	1121: "AsrRuleBlocked", 1122: "AsrRuleAudited", 1123: "ControlledFolderAccessViolationBlocked", 1124: "ControlledFolderAccessViolationAudited",
	1125: "ExploitGuardNetworkProtectionAudited", 1126: "ExploitGuardNetworkProtectionBlocked",
}

// asrRules names the attack surface reduction rules, as the stem of their ActionTypes.
var asrRules = map[string]string{
	"56a863a9-875e-4185-98a7-b882c64b5ce5": "AsrVulnerableSignedDriver", "7674ba52-37eb-4a4f-a9a1-f0f9a1619a2c": "AsrAdobeReaderChildProcess",
	"d4f940ab-401b-4efc-aadc-ad5f3c50688a": "AsrOfficeChildProcess", "9e6c4e1f-7d60-472f-ba1a-a39ef669e4b2": "AsrLsassCredentialTheft",
	"be9ba2d9-53ea-4cdc-84e5-9b1eeee46550": "AsrExecutableEmailContent", "01443614-cd74-433a-b99e-2ecdc07bfc25": "AsrUntrustedExecutable",
	"5beb7efe-fd9a-4556-801d-275e5ffc04cc": "AsrObfuscatedScript", "d3e037e1-3eb8-44c8-a917-57927947596d": "AsrScriptExecutableDownload",
	"3b576869-a4ec-4529-8536-b80a7769e899": "AsrExecutableOfficeContent", "75668c1f-73b5-4cf0-bb93-3ecf5cb7cc84": "AsrOfficeProcessInjection",
	"26190899-1602-49e8-8b27-eb1d0a1ce869": "AsrOfficeCommAppChildProcess", "e6db77e5-3df2-4cf1-b95a-636979351e5b": "AsrPersistenceThroughWmi",
	"d1e49aac-8f56-4280-b9ba-993a6d77406c": "AsrPsexecWmiChildProcess", "b2b3f03d-6a65-4f7b-a9c7-1c7ef74a9ba4": "AsrUntrustedUsbProcess",
	"92e97fa1-2edf-4476-bdd6-9dd0b4dddc7b": "AsrOfficeMacroWin32ApiCalls", "c1db55ab-c21a-4637-bb3f-a12568109d35": "AsrRansomware",
}

// defender maps the operational log of the built-in antivirus.
func (w *worker) defender() {
	r := &w.rec
	action := defenderActions[r.eventID]
	if action == "" {
		return
	}
	switch r.eventID {
	case 1121, 1122:
		if stem := asrRules[strings.ToLower(strings.Trim(r.peek("ID"), "{}"))]; stem != "" {
			action = stem + strings.TrimPrefix(action, "AsrRule")
		}
	}
	row := w.newRow("DeviceEvents", action)
	path := defenderPath(r.peek("Path"))
	file(row, path)
	process := r.peek("Process Name")
	if process != "" && !strings.EqualFold(process, "Unknown") {
		r.use("Process Name")
		w.initiator(row, actorRef{path: process})
	}
	account(row, "Account", firstOf(r.peek("Detection User"), r.peek("User")))
	if sid := normalise.CleanSID(firstOf(r.peek("Remediation User"), r.peek("Domain"))); sid != "" {
		put(row, "AccountSid", sid)
	}
	for i := range r.data {
		if d := &r.data[i]; strings.HasPrefix(d.name, "Unused") || d.name == "FWLink" {
			d.used = true
		}
	}
	w.extra.Text("ThreatName", r.get("Threat Name"))
	w.finish(row)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// defenderPath returns the file of a detection's path list ("file:_C:\x.exe; containerfile:_C:\y.zip; file:_C:\y.zip->z.exe"): the first that
// lies in the file system itself, else the container of the first.
func defenderPath(list string) string {
	container := ""
	for part := range strings.SplitSeq(list, ";") {
		part = strings.TrimSpace(part)
		rest, ok := strings.CutPrefix(part, "file:_")
		if !ok {
			if rest, ok = strings.CutPrefix(part, "containerfile:_"); ok && container == "" {
				container = rest
			}
			continue
		}
		path, _, inside := strings.Cut(rest, "->")
		if !inside {
			return path
		}
		if container == "" {
			container = path
		}
	}
	if container == "" && len(list) > 2 && (list[1] == ':' || strings.HasPrefix(list, `\\`)) {
		return list
	}
	return container
}
