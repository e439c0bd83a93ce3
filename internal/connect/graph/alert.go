package graph

import (
	"encoding/json"
	"strings"
)

// graphAlert is what is read of an alert of Graph (resource type microsoft.graph.security.alert).
type graphAlert struct {
	ID            string           `json:"id"`
	Title         string           `json:"title"`
	Description   string           `json:"description"`
	Severity      string           `json:"severity"`
	Category      string           `json:"category"`
	ServiceSource string           `json:"serviceSource"`
	Product       string           `json:"productName"`
	Created       string           `json:"createdDateTime"`
	First         string           `json:"firstActivityDateTime"`
	Techniques    []string         `json:"mitreTechniques"`
	Evidence      []map[string]any `json:"evidence"`
}

// alert turns an alert of Graph into the form of finished alerts that the family alerts reads.
func alert(raw []byte) []byte {
	var a graphAlert
	if json.Unmarshal(raw, &a) != nil {
		return raw // the family refuses it, and it shows among the refused records
	}
	at := a.First
	if at == "" {
		at = a.Created
	}
	product := a.Product
	if product == "" {
		product = a.ServiceSource
	}
	out := map[string]any{
		"id": a.ID, "time": at, "title": a.Title, "description": a.Description, "severity": a.Severity, "category": a.Category, "product": product,
		"serviceSource": a.ServiceSource, "techniques": a.Techniques, "raw": json.RawMessage(raw),
	}
	evidence := []map[string]any{}
	for _, e := range a.Evidence {
		if piece := piece(e); piece != nil {
			evidence = append(evidence, piece)
		}
	}
	out["evidence"] = evidence
	encoded, err := json.Marshal(out)
	if err != nil {
		return raw
	}
	return encoded
}

// piece turns one piece of evidence; what is not known stays under the type's name.
func piece(e map[string]any) map[string]any {
	kind, _ := e["@odata.type"].(string)
	kind = strings.TrimSuffix(strings.TrimPrefix(kind, "#microsoft.graph.security."), "Evidence")
	if kind == "" {
		return nil
	}
	out := map[string]any{"type": kind}
	put := func(as string, path ...string) {
		var v any = e
		for _, name := range path {
			m, ok := v.(map[string]any)
			if !ok {
				return
			}
			v = m[name]
		}
		if v != nil && v != "" {
			out[as] = v
		}
	}
	put("verdict", "verdict")
	put("remediationStatus", "remediationStatus")
	put("roles", "roles")
	switch kind {
	case "device":
		put("deviceId", "mdeDeviceId")
		put("hostName", "deviceDnsName")
		put("osPlatform", "osPlatform")
	case "user", "mailbox":
		put("accountName", "userAccount", "accountName")
		put("accountDomain", "userAccount", "domainName")
		put("accountSid", "userAccount", "userSid")
		put("accountObjectId", "userAccount", "azureAdUserId")
		put("userPrincipalName", "userAccount", "userPrincipalName")
		put("displayName", "userAccount", "displayName")
		put("mailbox", "primaryAddress")
	case "ip":
		put("address", "ipAddress")
	case "url":
		put("url", "url")
	case "file", "process":
		details := "fileDetails"
		if kind == "process" {
			details = "imageFile"
			put("commandLine", "processCommandLine")
			put("processId", "processId")
			put("processCreationTime", "processCreationDateTime")
			put("parentProcessId", "parentProcessId")
			put("parentFileName", "parentProcessImageFile", "fileName")
			put("accountName", "userAccount", "accountName")
			put("accountSid", "userAccount", "userSid")
		}
		put("fileName", details, "fileName")
		put("folderPath", details, "filePath")
		put("sha1", details, "sha1")
		put("sha256", details, "sha256")
		put("deviceId", "mdeDeviceId")
	case "analyzedMessage":
		out["type"] = "mailMessage"
		put("networkMessageId", "networkMessageId")
		put("internetMessageId", "internetMessageId")
		put("subject", "subject")
		put("recipient", "recipientEmailAddress")
		put("sender", "p2Sender", "emailAddress")
	case "cloudApplication", "oauthApplication":
		out["type"] = "cloudApp"
		put("application", "displayName")
		put("applicationId", "appId")
	case "registryKey", "registryValue":
		out["type"] = "registry"
		put("registryKey", "registryKey")
		put("registryValueName", "registryValueName")
		put("registryValueData", "registryValue")
	default:
		put("name", "displayName")
	}
	if roles, ok := out["roles"].([]any); ok && len(roles) == 0 {
		delete(out, "roles")
	}
	return out
}
