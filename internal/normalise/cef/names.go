package cef

import (
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
)

// columns are the names under which the fields of CEF are known to queries and rules (those of the table CommonSecurityLog).
var columns = map[string]string{
	"act": "DeviceAction", "app": "ApplicationProtocol", "cat": "DeviceEventCategory", "cnt": "EventCount", "in": "ReceivedBytes", "out": "SentBytes",
	"src": "SourceIP", "spt": "SourcePort", "shost": "SourceHostName", "smac": "SourceMACAddress", "suser": "SourceUserName", "suid": "SourceUserID",
	"sntdom": "SourceNTDomain", "sproc": "SourceProcessName", "spid": "SourceProcessId", "spriv": "SourceUserPrivileges", "sourceServiceName": "SourceServiceName",
	"sourceTranslatedAddress": "SourceTranslatedAddress", "sourceTranslatedPort": "SourceTranslatedPort", "sourceDnsDomain": "SourceDnsDomain",
	"dst": "DestinationIP", "dpt": "DestinationPort", "dhost": "DestinationHostName", "dmac": "DestinationMACAddress", "duser": "DestinationUserName", "duid": "DestinationUserID",
	"dntdom": "DestinationNTDomain", "dproc": "DestinationProcessName", "dpid": "DestinationProcessId", "dpriv": "DestinationUserPrivileges",
	"destinationServiceName": "DestinationServiceName", "destinationTranslatedAddress": "DestinationTranslatedAddress",
	"destinationTranslatedPort": "DestinationTranslatedPort", "destinationDnsDomain": "DestinationDnsDomain",
	"dvc": "DeviceAddress", "dvchost": "DeviceName", "dvcmac": "DeviceMacAddress", "dvcpid": "ProcessID", "deviceProcessName": "ProcessName",
	"deviceExternalId": "DeviceExternalID", "deviceFacility": "DeviceFacility", "deviceInboundInterface": "DeviceInboundInterface",
	"deviceOutboundInterface": "DeviceOutboundInterface", "deviceDirection": "CommunicationDirection", "deviceTranslatedAddress": "DeviceTranslatedAddress",
	"deviceDnsDomain": "DeviceDnsDomain", "deviceNtDomain": "DeviceNtDomain", "devicePayloadId": "DevicePayloadId", "dtz": "DeviceTimeZone",
	"externalId": "ExternalID", "fname": "FileName", "filePath": "FilePath", "fileHash": "FileHash", "fsize": "FileSize", "fileType": "FileType", "fileId": "FileID",
	"filePermission": "FilePermission", "fileCreateTime": "FileCreateTime", "fileModificationTime": "FileModificationTime",
	"oldFileName": "OldFileName", "oldFilePath": "OldFilePath", "oldFileHash": "OldFileHash", "oldFileSize": "OldFileSize", "oldFileType": "OldFileType",
	"msg": "Message", "outcome": "EventOutcome", "proto": "Protocol", "reason": "Reason", "request": "RequestURL", "requestMethod": "RequestMethod",
	"requestContext": "RequestContext", "requestClientApplication": "RequestClientApplication", "requestCookies": "RequestCookies",
	"rt": "ReceiptTime", "start": "StartTime", "end": "EndTime", "type": "EventType",
	"cs1": "DeviceCustomString1", "cs2": "DeviceCustomString2", "cs3": "DeviceCustomString3", "cs4": "DeviceCustomString4", "cs5": "DeviceCustomString5", "cs6": "DeviceCustomString6",
	"cs1Label": "DeviceCustomString1Label", "cs2Label": "DeviceCustomString2Label", "cs3Label": "DeviceCustomString3Label", "cs4Label": "DeviceCustomString4Label",
	"cs5Label": "DeviceCustomString5Label", "cs6Label": "DeviceCustomString6Label",
	"cn1": "DeviceCustomNumber1", "cn2": "DeviceCustomNumber2", "cn3": "DeviceCustomNumber3",
	"cn1Label": "DeviceCustomNumber1Label", "cn2Label": "DeviceCustomNumber2Label", "cn3Label": "DeviceCustomNumber3Label",
	"c6a1": "DeviceCustomIPv6Address1", "c6a2": "DeviceCustomIPv6Address2", "c6a3": "DeviceCustomIPv6Address3", "c6a4": "DeviceCustomIPv6Address4",
	"c6a1Label": "DeviceCustomIPv6Address1Label", "c6a2Label": "DeviceCustomIPv6Address2Label", "c6a3Label": "DeviceCustomIPv6Address3Label", "c6a4Label": "DeviceCustomIPv6Address4Label",
	"flexString1": "FlexString1", "flexString2": "FlexString2", "flexString1Label": "FlexString1Label", "flexString2Label": "FlexString2Label",
	"flexNumber1": "FlexNumber1", "flexNumber2": "FlexNumber2", "flexNumber1Label": "FlexNumber1Label", "flexNumber2Label": "FlexNumber2Label",
	"deviceCustomDate1": "DeviceCustomDate1", "deviceCustomDate2": "DeviceCustomDate2", "deviceCustomDate1Label": "DeviceCustomDate1Label", "deviceCustomDate2Label": "DeviceCustomDate2Label",
	// LEEF's own names.
	"srcPort": "SourcePort", "dstPort": "DestinationPort", "usrName": "SourceUserName", "srcMAC": "SourceMACAddress", "dstMAC": "DestinationMACAddress",
	"srcBytes": "SentBytes", "dstBytes": "ReceivedBytes", "url": "RequestURL", "identHostName": "SourceHostName", "devTime": "ReceiptTime",
	"srcPostNAT": "SourceTranslatedAddress", "dstPostNAT": "DestinationTranslatedAddress", "srcPostNATPort": "SourceTranslatedPort", "dstPostNATPort": "DestinationTranslatedPort",
}

// numbers are the columns that hold numbers.
var numbers = map[string]bool{
	"SourcePort": true, "DestinationPort": true, "SourceTranslatedPort": true, "DestinationTranslatedPort": true, "ReceivedBytes": true, "SentBytes": true, "EventCount": true,
	"SourceProcessId": true, "DestinationProcessId": true, "ProcessID": true, "FileSize": true, "OldFileSize": true,
	"DeviceCustomNumber1": true, "DeviceCustomNumber2": true, "DeviceCustomNumber3": true, "FlexNumber1": true, "FlexNumber2": true,
}

// ends are the two ends of what a message tells of, under the names of all dialects.
func (m *message) source() string {
	return normalise.CleanIP(m.first("src", "sourceAddress", "srcIp", "src_ip", "c6a2", "identSrc", "sip", "srcip", "client_ip"))
}

func (m *message) target() string {
	if m.clientPort() != "" && m.first("src") != "" {
		if ip := normalise.CleanIP(m.first("dst", "sip")); ip != "" {
			return ip
		}
	}
	return normalise.CleanIP(m.first("dst", "destinationAddress", "dstIp", "dst_ip", "c6a3", "dip", "dstip", "server_ip"))
}

// clientPort is told by those (application firewalls in front of web sites) to whom s means the server: sip and spt are the target's then.
func (m *message) clientPort() string { return m.first("cpt", "clientPort", "client_port") }

func (m *message) sourcePort() string {
	if p := m.clientPort(); p != "" {
		return p
	}
	return m.first("spt", "srcPort", "sourcePort", "src_port")
}

func (m *message) targetPort() string {
	if m.clientPort() != "" {
		return m.first("dpt", "spt")
	}
	return m.first("dpt", "dstPort", "destinationPort", "dst_port")
}

func (m *message) action() string {
	return m.first("act", "action", "disp", "deviceAction", "fw_action", "outcome", "rule_action")
}

func (m *message) user() string {
	return m.first("suser", "usrName", "duser", "susr", "src_user", "accountName", "identSrcUser", "user", "username")
}
func (m *message) url() string { return m.first("request", "url", "RequestURL", "requestURL") }
func (m *message) agent() string {
	return m.first("requestClientApplication", "userAgent", "user_agent")
}

// fields is the flat view for rules and for the generic table: the message's values under the names of CommonSecurityLog (others under their own), values
// under the names of their labels, and the names of public rules for firewalls, proxies and malware scanners.
func (m *message) fields() normalise.Fields {
	var f normalise.Fields
	add := func(name, value string) { cloudapp.Add(&f, name, value) }
	add("DeviceVendor", m.vendor)
	add("DeviceProduct", m.product)
	add("DeviceVersion", m.version)
	add("DeviceEventClassID", m.id)
	add("Activity", m.name)
	add("LogSeverity", m.severity)
	add("Computer", m.carrierHost)
	seen := make(map[string]bool, len(m.keys)+32)
	for i := range f {
		seen[f[i].Name] = true
	}
	put := func(name, value string) {
		if name == "" || value == "" || seen[name] {
			return
		}
		seen[name] = true
		kind := normalise.String
		if numbers[name] && plainNumber(value) {
			kind = normalise.Number
		}
		f = append(f, normalise.Field{Name: name, Value: normalise.Value{Kind: kind, Text: value}})
	}
	for _, k := range m.keys {
		name := columns[k]
		if name == "" {
			name = k
		}
		put(name, m.values[k])
	}
	for _, p := range m.labelled {
		put(p.key, p.value)
	}
	put("src_ip", m.source())
	put("dst_ip", m.target())
	put("src_port", m.sourcePort())
	put("dst_port", m.targetPort())
	put("action", m.verdict())
	put("user", m.user())
	if m.class == proxy {
		put("c-uri", m.url())
		put("cs-uri", m.url())
		put("cs-method", m.first("requestMethod", "method"))
		put("c-useragent", m.agent())
		put("cs-user-agent", m.agent())
		put("cs-referer", m.first("requestContext", "referrer"))
		put("cs-username", m.user())
		put("cs-host", hostOf(m.url(), m.first("dhost", "destinationHostName")))
		put("sc-status", m.labelledAs("HTTPStatus", "StatusCode", "httpstatus", "ResponseCode"))
	}
	if m.class == malware {
		put("Signature", m.threat())
		put("Filename", m.path())
		put("User", m.user())
		put("Action", m.action())
	}
	put("message", m.text)
	return f
}

func plainNumber(s string) bool {
	if s == "" || len(s) > 15 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
