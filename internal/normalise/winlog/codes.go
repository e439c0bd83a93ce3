package winlog

import "strings"

// logonTypes names the logon types of DeviceLogonEvents.
var logonTypes = map[int64]string{
	2: "Interactive", 3: "Network", 4: "Batch", 5: "Service", 7: "Unlock", 8: "NetworkCleartext", 9: "NewCredentials", 10: "RemoteInteractive", 11: "CachedInteractive",
	12: "CachedRemoteInteractive", 13: "CachedUnlock",
}

// identityLogonTypes names the logon types of IdentityLogonEvents; others are of no interest to a directory.
var identityLogonTypes = map[int64]string{2: "Interactive", 3: "Resource access", 8: "LDAP cleartext", 10: "Remote desktop"}

// statusReasons names why a logon failed, by NTSTATUS without its leading 0x.
var statusReasons = map[string]string{
	"c0000064": "UnknownUser", "c000006a": "WrongPassword", "c000006d": "BadCredentials", "c000006e": "AccountRestriction", "c000006f": "LogonHours",
	"c0000070": "WorkstationRestriction", "c0000071": "PasswordExpired", "c0000072": "AccountDisabled", "c000015b": "LogonTypeNotGranted",
	"c0000193": "AccountExpired", "c0000224": "PasswordMustChange", "c0000234": "AccountLocked", "c0000133": "TimeSkew", "c000005e": "NoLogonServers",
	"c00000dc": "ServerInWrongState", "c000018b": "NoTrustAccount", "c000018c": "TrustedDomainFailure", "c0000192": "NetlogonNotStarted", "c0000413": "AuthenticationFirewall",
}

// failureReason names why a logon failed: the sub status says more than the status when it is set.
func failureReason(status, subStatus string) string {
	for _, s := range [...]string{subStatus, status} {
		code := strings.TrimPrefix(strings.ToLower(s), "0x")
		if reason := statusReasons[code]; reason != "" {
			return reason
		}
	}
	for _, s := range [...]string{subStatus, status} {
		if n, ok := parseInt(s); ok && n != 0 {
			return s
		}
	}
	return ""
}

// kerberosReasons names why a ticket was refused, by result code.
var kerberosReasons = map[int64]string{
	0x6: "UnknownUser", 0x7: "UnknownService", 0xc: "LogonHours", 0x12: "AccountDisabled/Locked/Expired", 0x17: "PasswordExpired", 0x18: "WrongPassword", 0x25: "TimeSkew",
}

// preauthRequired is not a failure: the client asks again with its proof.
const preauthRequired = 0x19

func kerberosReason(code int64, text string) string {
	if reason := kerberosReasons[code]; reason != "" {
		return reason
	}
	return text
}

// encryptionTypes names Kerberos encryption types.
var encryptionTypes = map[string]string{"0x1": "DES", "0x3": "DES", "0x11": "AES128", "0x12": "AES256", "0x17": "RC4", "0x18": "RC4"}

// replicationRights are the control access rights by which directory content is replicated.
var replicationRights = [...]string{
	"1131f6aa-9c07-11d1-f79f-00c04fc2dcd2", "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2", "89e95b76-444d-4c62-991a-0facbeda640c",
}

// uacBits names the bits of the user account control value that have an action of their own.
var uacBits = [...]struct {
	bit    int64
	action string
}{
	{0x1, "Account Disabled changed"},
	{0x4, "Account Password Not Required changed"},
	{0x200, "Account Password Never Expires changed"},
	{0x400, "Account Locked changed"},
	{0x1000, "Account Smart Card Required changed"},
	{0x2000, "Account Delegation changed"},
	{0x40000, "Account Constrained Delegation State changed"},
	{0x10000, "Account Preauthentication Not Required changed"},
}

// accessRights names the access rights of audit events by message code.
var accessRights = map[string]string{
	"%%1537": "DELETE", "%%1538": "READ_CONTROL", "%%1539": "WRITE_DAC", "%%1540": "WRITE_OWNER", "%%1541": "SYNCHRONIZE", "%%1542": "ACCESS_SYS_SEC",
	"%%4416": "ReadData (or ListDirectory)", "%%4417": "WriteData (or AddFile)", "%%4418": "AppendData (or AddSubdirectory or CreatePipeInstance)",
	"%%4419": "ReadEA", "%%4420": "WriteEA", "%%4421": "Execute/Traverse", "%%4422": "DeleteChild", "%%4423": "ReadAttributes", "%%4424": "WriteAttributes",
	"%%4432": "Query key value", "%%4433": "Set key value", "%%4434": "Create sub-key", "%%4435": "Enumerate sub-keys", "%%4436": "Notify about changes to keys",
	"%%4437": "Create Link", "%%4480": "Terminate process", "%%4481": "Create new thread in process", "%%4482": "Set process session ID",
	"%%4483": "Perform virtual memory operation", "%%4484": "Read from process memory", "%%4485": "Write to process memory",
	"%%4486": "Duplicate handle into or out of process", "%%4487": "Create a subprocess of process", "%%4488": "Set process quotas",
	"%%4489": "Set process information", "%%4490": "Query process information", "%%7680": "Create Child", "%%7681": "Delete Child", "%%7682": "List Contents",
	"%%7683": "Write Self", "%%7684": "Read Property", "%%7685": "Write Property", "%%7686": "Delete Tree", "%%7687": "List Object", "%%7688": "Control Access",
}
