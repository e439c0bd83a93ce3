package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// logKind says which mapping takes a record.
type logKind uint8

const (
	kindOther logKind = iota
	kindSysmon
	kindSecurity
	kindSystem
	kindPowerShell        // Microsoft-Windows-PowerShell/Operational and PowerShellCore/Operational
	kindPowerShellClassic // Windows PowerShell
	kindWMI
	kindTasks
	kindDefender
)

// services maps the lower-case channel to the service by which Sigma rules address it.
var services = map[string]string{
	"application":                          "application",
	"security":                             "security",
	"system":                               "system",
	"microsoft-windows-sysmon/operational": "sysmon",
	"linux-sysmon/operational":             "sysmon",
	"microsoft-windows-powershell/operational":                           "powershell",
	"powershellcore/operational":                                         "powershell",
	"windows powershell":                                                 "powershell-classic",
	"microsoft-windows-taskscheduler/operational":                        "taskscheduler",
	"microsoft-windows-wmi-activity/operational":                         "wmi",
	"microsoft-windows-dhcp-server/operational":                          "dhcp",
	"microsoft-windows-printservice/admin":                               "printservice-admin",
	"microsoft-windows-printservice/operational":                         "printservice-operational",
	"microsoft-windows-smbclient/security":                               "smbclient-security",
	"microsoft-windows-smbclient/connectivity":                           "smbclient-connectivity",
	"microsoft-windows-smbserver/connectivity":                           "smbserver-connectivity",
	"microsoft-windows-terminalservices-localsessionmanager/operational": "terminalservices-localsessionmanager",
	"microsoft-windows-codeintegrity/operational":                        "codeintegrity-operational",
	"microsoft-windows-applocker/msi and script":                         "applocker",
	"microsoft-windows-applocker/exe and dll":                            "applocker",
	"microsoft-windows-applocker/packaged app-deployment":                "applocker",
	"microsoft-windows-applocker/packaged app-execution":                 "applocker",
	"msexchange management":                                              "msexchange-management",
	"microsoft-servicebus-client":                                        "microsoft-servicebus-client",
	"microsoft-servicebus-client/admin":                                  "microsoft-servicebus-client",
	"microsoft-servicebus-client/operational":                            "microsoft-servicebus-client",
	"microsoft-windows-ldap-client/debug":                                "ldap",
	"microsoft-windows-bits-client/operational":                          "bits-client",
	"dns server":                                                               "dns-server",
	"microsoft-windows-dns-server/audit":                                       "dns-server-audit",
	"microsoft-windows-dns-server/analytical":                                  "dns-server-analytic",
	"microsoft-windows-dns-client/operational":                                 "dns-client",
	"microsoft-windows-dns client events/operational":                          "dns-client",
	"microsoft-windows-windows firewall with advanced security/firewall":       "firewall-as",
	"microsoft-windows-windows defender/operational":                           "windefend",
	"microsoft-windows-ntlm/operational":                                       "ntlm",
	"microsoft-windows-driverframeworks-usermode/operational":                  "driver-framework",
	"microsoft-windows-shell-core/operational":                                 "shell-core",
	"openssh/operational":                                                      "openssh",
	"microsoft-windows-vhdmp/operational":                                      "vhdmp",
	"microsoft-windows-vhdmp-operational":                                      "vhdmp",
	"microsoft-windows-appxdeploymentserver/operational":                       "appxdeployment-server",
	"microsoft-windows-appxdeployment-server/operational":                      "appxdeployment-server",
	"microsoft-windows-appxpackaging/operational":                              "appxpackaging-om",
	"microsoft-windows-lsa/operational":                                        "lsa-server",
	"microsoft-windows-appmodel-runtime/admin":                                 "appmodel-runtime",
	"microsoft-windows-capi2/operational":                                      "capi2",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
	"microsoft-windows-diagnosis-scripted/operational":                         "diagnosis-scripted",
	"microsoft-windows-hyper-v-worker":                                         "hyper-v-worker",
	"microsoft-windows-hyper-v-worker-admin":                                   "hyper-v-worker",
	"microsoft-windows-kernel-eventtracing":                                    "kernel-event-tracing",
	"microsoft-windows-kernel-eventtracing/admin":                              "kernel-event-tracing",
	"microsoft-windows-kernel-shimengine/operational":                          "kernel-shimengine",
	"microsoft-windows-kernel-shimengine/diagnostic":                           "kernel-shimengine",
	"microsoft-windows-ntfs/operational":                                       "ntfs",
	"microsoft-windows-security-mitigations/kernelmode":                        "security-mitigations",
	"microsoft-windows-security-mitigations/kernel mode":                       "security-mitigations",
	"microsoft-windows-security-mitigations/usermode":                          "security-mitigations",
	"microsoft-windows-security-mitigations/user mode":                         "security-mitigations",
	"microsoft-windows-sense/operational":                                      "sense",
	"microsoft-iis-configuration/operational":                                  "iis-configuration",
}

// kinds maps a service to the mapping that takes it.
var kinds = map[string]logKind{
	"sysmon": kindSysmon, "security": kindSecurity, "system": kindSystem, "powershell": kindPowerShell, "powershell-classic": kindPowerShellClassic,
	"wmi": kindWMI, "taskscheduler": kindTasks, "windefend": kindDefender,
}

// service returns Sigma's name for the record's channel.
func (r *record) service() string { return r.sigma }

// serviceOf finds Sigma's name for a channel; forwarded and renamed channels are known by their provider.
func serviceOf(channel, provider string) string {
	if s, ok := services[strings.ToLower(channel)]; ok {
		return s
	}
	if channel == "" || strings.EqualFold(channel, "ForwardedEvents") {
		return providers[provider]
	}
	return ""
}

// providers maps a provider to the service of the log it writes to.
var providers = map[string]string{
	sysmonLinux: "sysmon", "Microsoft-Windows-Sysmon": "sysmon", "Microsoft-Windows-Security-Auditing": "security", "Microsoft-Windows-PowerShell": "powershell",
	"PowerShell": "powershell-classic", "Service Control Manager": "system", "Microsoft-Windows-Windows Defender": "windefend",
	"Microsoft-Windows-TaskScheduler": "taskscheduler", "Microsoft-Windows-WMI-Activity": "wmi",
}

func kindOf(r *record) logKind { return kinds[r.service()] }

const windows = "windows"

// sysmonLinux is the provider of Sysmon for Linux, whose events have the form of Windows events.
const sysmonLinux = "Linux-Sysmon"

// product is the system that rules address the record under.
func (r *record) product() string {
	if r.provider == sysmonLinux {
		return "linux"
	}
	return windows
}

// logsources returns how rules address the record in hand.
func (w *worker) logsources() []normalise.Logsource {
	r := &w.rec
	service := r.service()
	categories := w.categories()
	if len(categories) == 0 {
		if strings.EqualFold(r.channel, "RPCFW") {
			return []normalise.Logsource{{Product: "rpc_firewall", Category: "application"}}
		}
		return []normalise.Logsource{{Product: r.product(), Service: service}}
	}
	out := make([]normalise.Logsource, len(categories))
	for i, c := range categories {
		out[i] = normalise.Logsource{Product: r.product(), Category: c, Service: service}
	}
	return out
}

// categories returns the rule categories of the record in hand.
func (w *worker) categories() []string {
	r := &w.rec
	switch w.kind {
	case kindSysmon:
		if r.eventID == 12 {
			return registryCategories(w.registryEventType())
		}
		return sysmonCategories[r.eventID]
	case kindSecurity:
		return securityCategories(r)
	case kindPowerShell:
		switch r.eventID {
		case 4103:
			return one.psModule
		case 4104:
			return one.psScript
		}
	case kindPowerShellClassic:
		switch r.eventID {
		case 400:
			return one.psClassicStart
		case 600:
			return one.psClassicProvider
		case 800:
			return one.psClassicScript
		}
	case kindDefender:
		switch r.eventID {
		case 1006, 1007, 1008, 1009, 1015, 1116, 1117, 1118, 1119:
			return one.antivirus
		}
	}
	return nil
}

// one holds the category lists that code names.
var one = struct {
	psModule, psScript, psClassicStart, psClassicProvider, psClassicScript, antivirus  []string
	processCreation, processEnd, network, fileAccess, fileChange, fileDelete, registry []string
	registryAdd, registryDelete, registrySet                                           []string
}{
	psModule: []string{"ps_module"}, psScript: []string{"ps_script"}, psClassicStart: []string{"ps_classic_start"},
	psClassicProvider: []string{"ps_classic_provider_start"}, psClassicScript: []string{"ps_classic_script"}, antivirus: []string{"antivirus"},
	processCreation: []string{"process_creation"}, processEnd: []string{"process_termination"}, network: []string{"network_connection"},
	fileAccess: []string{"file_access"}, fileChange: []string{"file_change"}, fileDelete: []string{"file_delete"}, registry: []string{"registry_event"},
	registryAdd: []string{"registry_event", "registry_add"}, registryDelete: []string{"registry_event", "registry_delete"},
	registrySet: []string{"registry_event", "registry_set"},
}

// sysmonCategories lists the categories of each Sysmon event id; 12 depends on what was done.
var sysmonCategories = map[int][]string{
	1: one.processCreation, 2: one.fileChange, 3: one.network, 4: {"sysmon_status"}, 5: one.processEnd, 6: {"driver_load"}, 7: {"image_load"},
	8: {"create_remote_thread"}, 9: {"raw_access_thread"}, 10: {"process_access"}, 11: {"file_event"}, 13: one.registrySet,
	14: {"registry_event", "registry_rename"}, 15: {"create_stream_hash"}, 16: {"sysmon_status"}, 17: {"pipe_created"}, 18: {"pipe_created"},
	19: {"wmi_event"}, 20: {"wmi_event"}, 21: {"wmi_event"}, 22: {"dns_query"}, 23: one.fileDelete, 24: {"clipboard_capture"}, 25: {"process_tampering"},
	26: {"file_delete", "file_delete_detected"}, 27: {"file_block_executable"}, 28: {"file_block_shredding"}, 29: {"file_executable_detected"}, 255: {"sysmon_error"},
}

func registryCategories(eventType string) []string {
	switch eventType {
	case "CreateKey":
		return one.registryAdd
	case "DeleteKey", "DeleteValue":
		return one.registryDelete
	case "SetValue":
		return one.registrySet
	}
	return one.registry
}

// securityCategories names the categories that audit events serve beside Sysmon's.
func securityCategories(r *record) []string {
	switch r.eventID {
	case 4688:
		return one.processCreation
	case 4689:
		return one.processEnd
	case 5156:
		return one.network
	case 4657:
		switch r.peek("OperationType") {
		case "%%1906": // value deleted
			return one.registryDelete
		}
		return one.registrySet
	case 4663:
		mask, _ := parseInt(r.peek("AccessMask"))
		switch r.peek("ObjectType") {
		case "File":
			switch {
			case mask&accessDelete != 0:
				return one.fileDelete
			case mask&(fileWrite|fileAppend) != 0:
				return one.fileChange
			case mask&fileRead != 0:
				return one.fileAccess
			}
		case "Key":
			switch {
			case mask&accessDelete != 0:
				return one.registryDelete
			case mask&keyCreate != 0:
				return one.registryAdd
			}
			return one.registry
		}
	}
	return nil
}

// Access rights in audit events.
const (
	fileRead     = 0x1
	fileWrite    = 0x2
	fileAppend   = 0x4
	keySetValue  = 0x2
	keyCreate    = 0x4
	accessDelete = 0x10000
)
