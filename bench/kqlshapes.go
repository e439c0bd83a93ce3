package main

// shape is a question as a hunter writes it, and as someone who knows the engine and the stored columns would write it in SQL. {7d} is the time seven
// days before now, as it is stored. Where the language leaves a choice (which row of several, the order in a set) both sides do without it.
type shape struct{ name, kql, duckdb, clickhouse string }

var shapes = []shape{
	{
		"filter_terms",
		`DeviceProcessEvents
| where Timestamp > ago(14d)
| where FileName in~ ("powershell.exe", "pwsh.exe", "cmd.exe")
| where ProcessCommandLine has_any ("encodedcommand", "frombase64string", "downloadstring", "bypass")
| project Timestamp, DeviceName, AccountName, ProcessCommandLine`,
		`SELECT "Timestamp", DeviceName, AccountName, ProcessCommandLine FROM DeviceProcessEvents
WHERE "Timestamp" > {14d} AND lower(FileName) IN ('powershell.exe', 'pwsh.exe', 'cmd.exe')
  AND regexp_matches(ProcessCommandLine, '(?i)(^|[^a-z0-9])(encodedcommand|frombase64string|downloadstring|bypass)($|[^a-z0-9])')`,
		`SELECT Timestamp, DeviceName, AccountName, ProcessCommandLine FROM DeviceProcessEvents
WHERE Timestamp > {14d} AND lower(FileName) IN ('powershell.exe', 'pwsh.exe', 'cmd.exe')
  AND multiSearchAnyCaseInsensitive(ProcessCommandLine, ['encodedcommand', 'frombase64string', 'downloadstring', 'bypass'])
  AND match(ProcessCommandLine, '(?i)(^|[^a-z0-9])(encodedcommand|frombase64string|downloadstring|bypass)($|[^a-z0-9])')`,
	},
	{
		"filter_paths",
		`DeviceFileEvents
| where ActionType == "FileCreated" and FolderPath startswith @"C:\Users\" and FolderPath contains @"\temp\" and FileName !endswith ".tmp"
| summarize Files = count(), Devices = dcount(DeviceId) by FileName
| where Files > 3`,
		`SELECT FileName, count(*) AS Files, count(DISTINCT DeviceId) AS Devices FROM DeviceFileEvents
WHERE ActionType = 'FileCreated' AND FolderPath ILIKE 'C:\Users\%' AND contains(lower(FolderPath), '\temp\') AND NOT ends_with(lower(FileName), '.tmp')
GROUP BY FileName HAVING count(*) > 3`,
		`SELECT FileName, count() AS Files, uniqExact(DeviceId) AS Devices FROM DeviceFileEvents
WHERE ActionType = 'FileCreated' AND startsWith(lower(FolderPath), 'c:\\users\\') AND positionCaseInsensitive(FolderPath, '\\temp\\') > 0 AND NOT endsWith(lower(FileName), '.tmp')
GROUP BY FileName HAVING Files > 3`,
	},
	{
		"filter_common_term",
		`DeviceRegistryEvents | where RegistryKey has "software" and InitiatingProcessFileName !in~ ("svchost.exe", "msedge.exe") | summarize Events = count() by ActionType, InitiatingProcessFileName`,
		`SELECT ActionType, InitiatingProcessFileName, count(*) AS Events FROM DeviceRegistryEvents
WHERE contains(lower(RegistryKey), 'software') AND regexp_matches(RegistryKey, '(?i)(^|[^a-z0-9])software($|[^a-z0-9])') AND lower(InitiatingProcessFileName) NOT IN ('svchost.exe', 'msedge.exe')
GROUP BY ALL`,
		`SELECT ActionType, InitiatingProcessFileName, count() AS Events FROM DeviceRegistryEvents
WHERE positionCaseInsensitive(RegistryKey, 'software') > 0 AND match(RegistryKey, '(?i)(^|[^a-z0-9])software($|[^a-z0-9])')
  AND lower(InitiatingProcessFileName) NOT IN ('svchost.exe', 'msedge.exe') GROUP BY ActionType, InitiatingProcessFileName`,
	},
	{
		"filter_regex",
		`DeviceProcessEvents | where ProcessCommandLine matches regex @"[A-Za-z0-9+/]{80,}={0,2}" | summarize Runs = count(), Devices = make_set(DeviceName) by FileName`,
		`SELECT FileName, count(*) AS Runs, list(DISTINCT DeviceName) AS Devices FROM DeviceProcessEvents
WHERE regexp_matches(ProcessCommandLine, '[A-Za-z0-9+/]{80,}={0,2}') GROUP BY FileName`,
		`SELECT FileName, count() AS Runs, groupUniqArray(DeviceName) AS Devices FROM DeviceProcessEvents
WHERE match(ProcessCommandLine, '[A-Za-z0-9+/]{80,}={0,2}') GROUP BY FileName`,
	},
	{
		"summarize_many",
		`DeviceNetworkEvents
| where RemoteIPType == "Public"
| summarize Connections = count(), Devices = dcount(DeviceId), First = min(Timestamp), Last = max(Timestamp) by RemoteIP, RemotePort, ActionType
| where Devices < 3
| top 100 by Connections desc, RemoteIP asc, RemotePort asc, ActionType asc`,
		`SELECT RemoteIP, RemotePort, ActionType, count(*) AS Connections, count(DISTINCT DeviceId) AS Devices, min("Timestamp") AS "First", max("Timestamp") AS "Last"
FROM DeviceNetworkEvents WHERE RemoteIPType = 'Public' GROUP BY RemoteIP, RemotePort, ActionType HAVING count(DISTINCT DeviceId) < 3
ORDER BY Connections DESC, RemoteIP, RemotePort NULLS FIRST, ActionType LIMIT 100`,
		`SELECT RemoteIP, RemotePort, ActionType, count() AS Connections, uniqExact(DeviceId) AS Devices, min(Timestamp) AS First, max(Timestamp) AS Last
FROM DeviceNetworkEvents WHERE RemoteIPType = 'Public' GROUP BY RemoteIP, RemotePort, ActionType HAVING Devices < 3
ORDER BY Connections DESC, RemoteIP, RemotePort NULLS FIRST, ActionType LIMIT 100`,
	},
	{
		"newest_row",
		`DeviceRegistryEvents
| where Timestamp > ago(20d) and RegistryKey has @"CurrentVersion\Run"
| summarize arg_max(Timestamp, *) by DeviceId, RegistryKey, RegistryValueName
| project Timestamp, DeviceName, RegistryKey, RegistryValueName, RegistryValueData, InitiatingProcessFileName`,
		`SELECT max("Timestamp"), arg_max(DeviceName, "Timestamp"), RegistryKey, RegistryValueName, arg_max(RegistryValueData, "Timestamp"), arg_max(InitiatingProcessFileName, "Timestamp")
FROM DeviceRegistryEvents
WHERE "Timestamp" > {20d} AND contains(lower(RegistryKey), 'currentversion\run') AND regexp_matches(RegistryKey, '(?i)(^|[^a-z0-9])CurrentVersion\\Run($|[^a-z0-9])')
GROUP BY DeviceId, RegistryKey, RegistryValueName`,
		`SELECT max(Timestamp), argMax(DeviceName, Timestamp), RegistryKey, RegistryValueName, argMax(RegistryValueData, Timestamp), argMax(InitiatingProcessFileName, Timestamp)
FROM DeviceRegistryEvents WHERE Timestamp > {20d} AND positionCaseInsensitive(RegistryKey, 'CurrentVersion\\Run') > 0
  AND match(RegistryKey, '(?i)(^|[^a-z0-9])CurrentVersion\\\\Run($|[^a-z0-9])')
GROUP BY DeviceId, RegistryKey, RegistryValueName`,
	},
	{
		"join_process_network",
		`let starts = DeviceProcessEvents
| where Timestamp > ago(10d) and FileName in~ ("powershell.exe", "cscript.exe", "rundll32.exe", "svchost.exe")
| project DeviceId, DeviceName, Started = Timestamp, ProcessId, ProcessCommandLine;
let connections = DeviceNetworkEvents
| where Timestamp > ago(10d) and ActionType == "ConnectionSuccess"
| project DeviceId, Connected = Timestamp, InitiatingProcessFileName, RemoteIP, RemotePort;
starts
| join kind=inner connections on DeviceId
| where Connected between (Started .. (Started + 4h))
| summarize Connections = count(), First = min(Connected) by DeviceName, ProcessCommandLine, RemoteIP`,
		`SELECT p.DeviceName, p.ProcessCommandLine, n.RemoteIP, count(*) AS Connections, min(n."Timestamp") AS "First"
FROM DeviceProcessEvents p JOIN DeviceNetworkEvents n ON p.DeviceId = n.DeviceId
WHERE p."Timestamp" > {10d} AND lower(p.FileName) IN ('powershell.exe', 'cscript.exe', 'rundll32.exe', 'svchost.exe')
  AND n."Timestamp" > {10d} AND n.ActionType = 'ConnectionSuccess' AND n."Timestamp" BETWEEN p."Timestamp" AND p."Timestamp" + 144000000000
GROUP BY ALL`,
		`SELECT p.DeviceName, p.ProcessCommandLine, n.RemoteIP, count() AS Connections, min(n.Timestamp) AS First
FROM (SELECT DeviceId, DeviceName, Timestamp, ProcessCommandLine FROM DeviceProcessEvents
  WHERE Timestamp > {10d} AND lower(FileName) IN ('powershell.exe', 'cscript.exe', 'rundll32.exe', 'svchost.exe')) AS p
JOIN (SELECT DeviceId, Timestamp, RemoteIP FROM DeviceNetworkEvents WHERE Timestamp > {10d} AND ActionType = 'ConnectionSuccess') AS n ON p.DeviceId = n.DeviceId
WHERE n.Timestamp BETWEEN p.Timestamp AND p.Timestamp + 144000000000 GROUP BY p.DeviceName, p.ProcessCommandLine, n.RemoteIP`,
	},
	{
		"join_default",
		`EmailEvents
| where EmailDirection == "Inbound" and DeliveryAction != "Blocked"
| join EmailUrlInfo on NetworkMessageId
| summarize Mails = dcount(NetworkMessageId), Urls = count() by UrlDomain
| top 50 by Mails desc, Urls desc, UrlDomain asc`,
		`SELECT u.UrlDomain, count(DISTINCT u.NetworkMessageId) AS Mails, count(*) AS Urls
FROM (SELECT DISTINCT NetworkMessageId FROM EmailEvents WHERE EmailDirection = 'Inbound' AND DeliveryAction <> 'Blocked') m JOIN EmailUrlInfo u USING (NetworkMessageId)
GROUP BY u.UrlDomain ORDER BY Mails DESC, Urls DESC, u.UrlDomain LIMIT 50`,
		`SELECT u.UrlDomain, uniqExact(u.NetworkMessageId) AS Mails, count() AS Urls
FROM EmailUrlInfo AS u JOIN (SELECT DISTINCT NetworkMessageId FROM EmailEvents WHERE EmailDirection = 'Inbound' AND DeliveryAction <> 'Blocked') AS m ON u.NetworkMessageId = m.NetworkMessageId
GROUP BY u.UrlDomain ORDER BY Mails DESC, Urls DESC, u.UrlDomain LIMIT 50`,
	},
	{
		"join_anti",
		`let known = DeviceProcessEvents | where Timestamp < ago(2d) and isnotempty(SHA256) | distinct SHA256;
DeviceProcessEvents
| where Timestamp >= ago(2d) and isnotempty(SHA256)
| join kind=leftanti known on SHA256
| summarize Runs = count(), Devices = dcount(DeviceId), First = min(Timestamp) by FileName
| sort by Runs desc, FileName asc`,
		`SELECT FileName, count(*) AS Runs, count(DISTINCT DeviceId) AS Devices, min("Timestamp") AS "First"
FROM (SELECT FileName, DeviceId, SHA256, "Timestamp" FROM DeviceProcessEvents WHERE "Timestamp" >= {2d} AND SHA256 <> '') p
ANTI JOIN (SELECT DISTINCT SHA256 FROM DeviceProcessEvents WHERE "Timestamp" < {2d} AND SHA256 <> '') k ON k.SHA256 = p.SHA256
GROUP BY FileName ORDER BY Runs DESC, FileName`,
		`SELECT FileName, count() AS Runs, uniqExact(DeviceId) AS Devices, min(Timestamp) AS First FROM DeviceProcessEvents
WHERE Timestamp >= {2d} AND SHA256 <> '' AND SHA256 NOT IN (SELECT SHA256 FROM DeviceProcessEvents WHERE Timestamp < {2d})
GROUP BY FileName ORDER BY Runs DESC, FileName`,
	},
	{
		"in_subquery",
		`let sprayed = DeviceLogonEvents | where ActionType == "LogonFailed" | summarize Failures = count(), Sources = dcount(RemoteIP) by AccountName | where Failures > 20 | project AccountName;
DeviceLogonEvents
| where ActionType == "LogonSuccess" and AccountName in (sprayed)
| summarize Logons = count(), Devices = dcount(DeviceName), Types = make_set(LogonType) by AccountName`,
		`SELECT AccountName, count(*) AS Logons, count(DISTINCT DeviceName) AS Devices, list(DISTINCT LogonType) AS Types FROM DeviceLogonEvents
WHERE ActionType = 'LogonSuccess' AND AccountName IN (SELECT AccountName FROM DeviceLogonEvents WHERE ActionType = 'LogonFailed' GROUP BY AccountName HAVING count(*) > 20)
GROUP BY AccountName`,
		`SELECT AccountName, count() AS Logons, uniqExact(DeviceName) AS Devices, groupUniqArray(LogonType) AS Types FROM DeviceLogonEvents
WHERE ActionType = 'LogonSuccess' AND AccountName IN (SELECT AccountName FROM DeviceLogonEvents WHERE ActionType = 'LogonFailed' GROUP BY AccountName HAVING count() > 20)
GROUP BY AccountName`,
	},
	{
		"lookup_outer",
		`let busy = DeviceNetworkEvents | where RemotePort in (22, 445, 3389, 5985) | summarize Peers = dcount(RemoteIP) by DeviceId;
DeviceLogonEvents
| where Timestamp > ago(15d) and LogonType in ("Network", "RemoteInteractive")
| summarize Logons = count() by DeviceId, DeviceName, AccountName
| lookup kind=leftouter busy on DeviceId
| extend Peers = coalesce(Peers, 0)
| where Logons > 10
| project DeviceName, AccountName, Logons, Peers`,
		`SELECT l.DeviceName, l.AccountName, l.Logons, coalesce(b.Peers, 0) AS Peers
FROM (SELECT DeviceId, DeviceName, AccountName, count(*) AS Logons FROM DeviceLogonEvents WHERE "Timestamp" > {15d} AND LogonType IN ('Network', 'RemoteInteractive')
  GROUP BY ALL HAVING count(*) > 10) l
LEFT JOIN (SELECT DeviceId, count(DISTINCT RemoteIP) AS Peers FROM DeviceNetworkEvents WHERE RemotePort IN (22, 445, 3389, 5985) GROUP BY DeviceId) b USING (DeviceId)`,
		`SELECT l.DeviceName, l.AccountName, l.Logons, b.Peers AS Peers
FROM (SELECT DeviceId, DeviceName, AccountName, count() AS Logons FROM DeviceLogonEvents WHERE Timestamp > {15d} AND LogonType IN ('Network', 'RemoteInteractive')
  GROUP BY DeviceId, DeviceName, AccountName HAVING Logons > 10) AS l
LEFT JOIN (SELECT DeviceId, uniqExact(RemoteIP) AS Peers FROM DeviceNetworkEvents WHERE RemotePort IN (22, 445, 3389, 5985) GROUP BY DeviceId) AS b ON l.DeviceId = b.DeviceId
SETTINGS join_use_nulls = 0`,
	},
	{
		"union_tables",
		`union DeviceProcessEvents, DeviceFileEvents, DeviceRegistryEvents, DeviceNetworkEvents
| where Timestamp > ago(20d) and InitiatingProcessFileName =~ "powershell.exe"
| summarize Events = count(), Actions = make_set(ActionType), Last = max(Timestamp) by DeviceName`,
		`SELECT DeviceName, count(*) AS Events, list(DISTINCT ActionType) FILTER (WHERE ActionType <> '') AS Actions, max("Timestamp") AS "Last" FROM (
  SELECT DeviceName, ActionType, "Timestamp" FROM DeviceProcessEvents WHERE "Timestamp" > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, "Timestamp" FROM DeviceFileEvents WHERE "Timestamp" > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, "Timestamp" FROM DeviceRegistryEvents WHERE "Timestamp" > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, "Timestamp" FROM DeviceNetworkEvents WHERE "Timestamp" > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe')
GROUP BY DeviceName`,
		`SELECT DeviceName, count() AS Events, groupUniqArrayIf(ActionType, ActionType <> '') AS Actions, max(Timestamp) AS Last FROM (
  SELECT DeviceName, ActionType, Timestamp FROM DeviceProcessEvents WHERE Timestamp > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, Timestamp FROM DeviceFileEvents WHERE Timestamp > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, Timestamp FROM DeviceRegistryEvents WHERE Timestamp > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe'
  UNION ALL SELECT DeviceName, ActionType, Timestamp FROM DeviceNetworkEvents WHERE Timestamp > {20d} AND lower(InitiatingProcessFileName) = 'powershell.exe')
GROUP BY DeviceName`,
	},
	{
		"json_fields",
		`DeviceEvents
| where ActionType == "OpenProcessApiCall"
| extend Fields = parse_json(AdditionalFields)
| where toint(Fields.DesiredAccess) == 5136 or tostring(Fields.CallTrace) contains "UNKNOWN"
| summarize Opened = count(), Callers = dcount(InitiatingProcessFileName) by FileName, Access = tostring(Fields.DesiredAccess)`,
		`SELECT FileName, (AdditionalFields->>'$.DesiredAccess') AS Access, count(*) AS Opened, count(DISTINCT InitiatingProcessFileName) AS Callers FROM DeviceEvents
WHERE ActionType = 'OpenProcessApiCall' AND (TRY_CAST((AdditionalFields->>'$.DesiredAccess') AS INTEGER) = 5136 OR regexp_matches(AdditionalFields->>'$.CallTrace', '(?i)unknown'))
GROUP BY ALL`,
		`SELECT FileName, trim(BOTH '"' FROM JSONExtractRaw(AdditionalFields, 'DesiredAccess')) AS Access, count() AS Opened, uniqExact(InitiatingProcessFileName) AS Callers FROM DeviceEvents
WHERE ActionType = 'OpenProcessApiCall' AND (toInt32OrNull(trim(BOTH '"' FROM JSONExtractRaw(AdditionalFields, 'DesiredAccess'))) = 5136
  OR positionCaseInsensitive(JSONExtractString(AdditionalFields, 'CallTrace'), 'unknown') > 0)
GROUP BY FileName, Access`,
	},
	{
		"expand_parameters",
		`CloudAppEvents
| where ActionType has_any ("Set-Mailbox", "New-InboxRule", "Set-InboxRule")
| mv-expand Parameter = parse_json(RawEventData).Parameters
| extend Name = tostring(Parameter.Name), Value = tostring(Parameter.Value)
| where Name in ("ForwardingSmtpAddress", "ForwardTo", "DeleteMessage", "Identity")
| summarize Changes = count(), Values = dcount(Value) by ActionType, Name`,
		`SELECT ActionType, p->>'$.Name' AS Name, count(*) AS Changes, count(DISTINCT p->>'$.Value') AS "Values"
FROM (SELECT ActionType, unnest(json_extract(RawEventData, '$.Parameters[*]')) AS p FROM CloudAppEvents
  WHERE regexp_matches(ActionType, '(?i)(^|[^a-z0-9])(Set-Mailbox|New-InboxRule|Set-InboxRule)($|[^a-z0-9])'))
WHERE (p->>'$.Name') IN ('ForwardingSmtpAddress', 'ForwardTo', 'DeleteMessage', 'Identity') GROUP BY ALL`,
		`SELECT ActionType, JSONExtractString(p, 'Name') AS Name, count() AS Changes, uniqExact(JSONExtractString(p, 'Value')) AS Values
FROM (SELECT ActionType, arrayJoin(JSONExtractArrayRaw(assumeNotNull(RawEventData), 'Parameters')) AS p FROM CloudAppEvents
  WHERE match(ActionType, '(?i)(^|[^a-z0-9])(Set-Mailbox|New-InboxRule|Set-InboxRule)($|[^a-z0-9])'))
WHERE Name IN ('ForwardingSmtpAddress', 'ForwardTo', 'DeleteMessage', 'Identity') GROUP BY ActionType, Name`,
	},
	{
		"extract_text",
		`DeviceRegistryEvents
| where RegistryKey startswith "HKEY_USERS"
| extend Sid = extract(@"HKEY_USERS\\(S-1-5-21-[0-9-]+)", 1, RegistryKey)
| where isnotempty(Sid)
| summarize Keys = dcount(RegistryKey), Devices = dcount(DeviceId) by Sid`,
		`SELECT regexp_extract(RegistryKey, 'HKEY_USERS\\(S-1-5-21-[0-9-]+)', 1) AS Sid, count(DISTINCT RegistryKey) AS Keys, count(DISTINCT DeviceId) AS Devices FROM DeviceRegistryEvents
WHERE RegistryKey ILIKE 'HKEY\_USERS%' ESCAPE '\' AND regexp_extract(RegistryKey, 'HKEY_USERS\\(S-1-5-21-[0-9-]+)', 1) <> '' GROUP BY Sid`,
		`SELECT extract(RegistryKey, 'HKEY_USERS\\\\(S-1-5-21-[0-9-]+)') AS Sid, uniqExact(RegistryKey) AS Keys, uniqExact(DeviceId) AS Devices FROM DeviceRegistryEvents
WHERE startsWith(lower(RegistryKey), 'hkey_users') AND Sid <> '' GROUP BY Sid`,
	},
	{
		"parse_and_split",
		`DeviceProcessEvents
| where ProcessCommandLine has "run"
| parse ProcessCommandLine with Command " /run:" Run:long
| where Run > 50000
| extend Program = tostring(split(Command, " ")[0])
| summarize Runs = count(), Highest = max(Run) by Program
| top 100 by Runs desc, Program asc`,
		`SELECT split_part(Command, ' ', 1) AS Program, count(*) AS Runs, max(Run) AS Highest
FROM (SELECT parts[1] AS Command, TRY_CAST(parts[2] AS BIGINT) AS Run FROM (SELECT regexp_extract_all(ProcessCommandLine, '^(?s)(.*?) /run:(.*)$', 1) || regexp_extract_all(ProcessCommandLine, '^(?s)(.*?) /run:(.*)$', 2) AS parts
  FROM DeviceProcessEvents WHERE regexp_matches(ProcessCommandLine, '(?i)(^|[^a-z0-9])run($|[^a-z0-9])')))
WHERE Run > 50000 GROUP BY Program ORDER BY Runs DESC, Program LIMIT 100`,
		`SELECT splitByChar(' ', parts[1])[1] AS Program, count() AS Runs, max(toInt64OrNull(parts[2])) AS Highest
FROM (SELECT extractGroups(ProcessCommandLine, '(?s)^(.*?) /run:(.*)$') AS parts FROM DeviceProcessEvents
  WHERE positionCaseInsensitive(ProcessCommandLine, 'run') > 0 AND match(ProcessCommandLine, '(?i)(^|[^a-z0-9])run($|[^a-z0-9])'))
WHERE toInt64OrNull(parts[2]) > 50000 GROUP BY Program ORDER BY Runs DESC, Program LIMIT 100`,
	},
	{
		"bin_hours",
		`DeviceLogonEvents
| where ActionType in ("LogonFailed", "LogonAttempted") and isnotempty(AccountName)
| summarize Failures = count(), Accounts = dcount(AccountName) by DeviceName, bin(Timestamp, 1h)
| where Failures > 5
| sort by Failures desc, DeviceName asc, Timestamp asc`,
		`SELECT DeviceName, "Timestamp" - "Timestamp" % 36000000000 AS Hour, count(*) AS Failures, count(DISTINCT AccountName) AS Accounts FROM DeviceLogonEvents
WHERE ActionType IN ('LogonFailed', 'LogonAttempted') AND AccountName <> '' GROUP BY DeviceName, Hour HAVING count(*) > 5 ORDER BY Failures DESC, DeviceName, Hour`,
		`SELECT DeviceName, intDiv(Timestamp, 36000000000) * 36000000000 AS Hour, count() AS Failures, uniqExact(AccountName) AS Accounts FROM DeviceLogonEvents
WHERE ActionType IN ('LogonFailed', 'LogonAttempted') AND AccountName <> '' GROUP BY DeviceName, Hour HAVING Failures > 5 ORDER BY Failures DESC, DeviceName, Hour`,
	},
	{
		"percentiles",
		`DeviceProcessEvents | extend Length = strlen(ProcessCommandLine) | summarize percentiles(Length, 50, 95, 99), Longest = max(Length), Runs = count() by FileName | where Longest > 1000`,
		`SELECT FileName, quantile_disc(length(ProcessCommandLine), 0.5), quantile_disc(length(ProcessCommandLine), 0.95), quantile_disc(length(ProcessCommandLine), 0.99), max(length(ProcessCommandLine)) AS Longest, count(*) AS Runs FROM DeviceProcessEvents
GROUP BY FileName HAVING max(length(ProcessCommandLine)) > 1000`,
		`SELECT FileName, quantileExactLow(0.5)(lengthUTF8(ProcessCommandLine)), quantileExactLow(0.949999999999)(lengthUTF8(ProcessCommandLine)), quantileExactLow(0.989999999999)(lengthUTF8(ProcessCommandLine)), max(lengthUTF8(ProcessCommandLine)) AS Longest, count() AS Runs FROM DeviceProcessEvents
GROUP BY FileName HAVING Longest > 1000`,
	},
	{
		"window_gaps",
		`DeviceLogonEvents
| where isnotempty(AccountName) and ActionType == "LogonSuccess"
| sort by AccountName asc, Timestamp asc
| extend Gap = Timestamp - prev(Timestamp), Same = prev(AccountName) == AccountName
| where Same and Gap < 30s
| summarize Bursts = count(), Shortest = min(Gap) by AccountName`,
		`SELECT AccountName, count(*) AS Bursts, min(Gap) AS Shortest
FROM (SELECT AccountName, "Timestamp" - lag("Timestamp") OVER (PARTITION BY AccountName ORDER BY "Timestamp") AS Gap FROM DeviceLogonEvents
  WHERE AccountName <> '' AND ActionType = 'LogonSuccess') WHERE Gap < 300000000 GROUP BY AccountName`,
		`SELECT AccountName, count() AS Bursts, min(Gap) AS Shortest
FROM (SELECT AccountName, Timestamp - lagInFrame(Timestamp) OVER (PARTITION BY AccountName ORDER BY Timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS Gap FROM DeviceLogonEvents
  WHERE AccountName <> '' AND ActionType = 'LogonSuccess') WHERE Gap < 300000000 GROUP BY AccountName`,
	},
	{
		"rare_programs",
		`DeviceProcessEvents
| summarize Runs = count(), Devices = dcount(DeviceId), arg_max(Timestamp, DeviceName, ProcessCommandLine) by FileName, SHA256
| where Devices <= 2 and Runs > 1
| top 100 by Timestamp desc`,
		`SELECT FileName, SHA256, count(*) AS Runs, count(DISTINCT DeviceId) AS Devices, max("Timestamp") AS "Timestamp", arg_max(DeviceName, "Timestamp") AS DeviceName,
  arg_max(ProcessCommandLine, "Timestamp") AS ProcessCommandLine
FROM DeviceProcessEvents GROUP BY FileName, SHA256 HAVING count(DISTINCT DeviceId) <= 2 AND count(*) > 1 ORDER BY max("Timestamp") DESC LIMIT 100`,
		`SELECT FileName, SHA256, count() AS Runs, uniqExact(DeviceId) AS Devices, max(Timestamp) AS Last, argMax(DeviceName, Timestamp), argMax(ProcessCommandLine, Timestamp)
FROM DeviceProcessEvents GROUP BY FileName, SHA256 HAVING Devices <= 2 AND Runs > 1 ORDER BY Last DESC LIMIT 100`,
	},
	{
		"time_series",
		`DeviceNetworkEvents
| where isnotempty(RemoteUrl)
| make-series Events = count() default = 0 on Timestamp from ago(7d) to now() step 1h by ActionType
| project ActionType, Events`,
		`SELECT a.ActionType, list(coalesce(n, 0) ORDER BY t) AS Events
FROM (SELECT DISTINCT ActionType FROM DeviceNetworkEvents WHERE RemoteUrl <> '' AND "Timestamp" >= {7d} AND "Timestamp" < {0d}) a
CROSS JOIN (SELECT unnest(range({7d}, {0d}, 36000000000)) AS t) s
LEFT JOIN (SELECT ActionType, {7d} + ("Timestamp" - {7d}) // 36000000000 * 36000000000 AS bin, count(*) AS n FROM DeviceNetworkEvents
  WHERE RemoteUrl <> '' AND "Timestamp" >= {7d} AND "Timestamp" < {0d} GROUP BY ALL) e ON e.ActionType = a.ActionType AND e.bin = s.t
GROUP BY a.ActionType`,
		`SELECT ActionType, groupArrayInsertAt(0, 168)(n, toUInt32(bin)) AS Events
FROM (SELECT ActionType, intDiv(Timestamp - {7d}, 36000000000) AS bin, toInt64(count()) AS n FROM DeviceNetworkEvents
  WHERE RemoteUrl <> '' AND Timestamp >= {7d} AND Timestamp < {0d} GROUP BY ActionType, bin) GROUP BY ActionType`,
	},
	{
		"newest_rows",
		`DeviceProcessEvents | where Timestamp > ago(20d) and InitiatingProcessFileName !~ "svchost.exe" | top 200 by Timestamp desc`,
		`SELECT {columns:DeviceProcessEvents} FROM DeviceProcessEvents WHERE "Timestamp" > {20d} AND lower(InitiatingProcessFileName) <> 'svchost.exe' ORDER BY "Timestamp" DESC LIMIT 200`,
		`SELECT {columns:DeviceProcessEvents} FROM DeviceProcessEvents WHERE Timestamp > {20d} AND lower(InitiatingProcessFileName) <> 'svchost.exe' ORDER BY Timestamp DESC LIMIT 200`,
	},
}
