package winlog_test

import (
	"fmt"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// workload is a mix as sensors send it: mostly process access, registry and image loads, some process starts, connections and logons.
func workload(n int) [][]byte {
	out := make([][]byte, 0, n)
	for i := range n {
		pid := 1000 + i%200
		guid := fmt.Sprintf("{0a1b2c3d-0000-6000-%04x-000000000100}", pid)
		envelope := fmt.Sprintf(`"SourceName":"Microsoft-Windows-Sysmon","ProviderGuid":"{5770385f-0000-0000-0000-000000000000}","Level":"4","Keywords":"0x8000000000000000","Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"WS%d.corp.example","TimeCreated":"2031-05-06T07:08:%02d.%03dZ","@timestamp":"2031-05-06T07:08:%02d.%03dZ"`, i%4, i/1000%60, i%1000, i/1000%60, i%1000)
		utc := fmt.Sprintf("2031-05-06 07:08:%02d.%03d", i/1000%60, i%1000)
		var body string
		switch {
		case i%50 == 0:
			body = fmt.Sprintf(`"EventID":1,"Message":"Process Create:\r\nRuleName: -\r\nUtcTime: %[1]s\r\nProcessGuid: %[2]s\r\nImage: C:\\Program Files\\Acme\\agent.exe\r\nCommandLine: \"C:\\Program Files\\Acme\\agent.exe\" --run %[3]d","Task":"1","RuleName":"-","UtcTime":"%[1]s","ProcessGuid":"%[2]s","ProcessId":"%[3]d","Image":"C:\\Program Files\\Acme\\agent.exe","FileVersion":"1.2.3","Description":"Acme Agent","Product":"Acme","Company":"Acme Inc.","OriginalFileName":"agent.exe","CommandLine":"\"C:\\Program Files\\Acme\\agent.exe\" --run %[3]d","CurrentDirectory":"C:\\Windows\\system32\\","User":"CORP\\mira","LogonGuid":"{0a1b2c3d-0000-6000-0001-000000000100}","LogonId":"0x3e7ab","TerminalSessionId":"1","IntegrityLevel":"Medium","Hashes":"SHA1=86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8,MD5=0CC175B9C0F1B6A831C399E269772661,SHA256=CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB,IMPHASH=0CC175B9C0F1B6A831C399E269772661","ParentProcessGuid":"{0a1b2c3d-0000-6000-0001-000000000100}","ParentProcessId":"1000","ParentImage":"C:\\Windows\\explorer.exe","ParentCommandLine":"C:\\Windows\\Explorer.EXE"`, utc, guid, pid)
		case i%10 < 5:
			body = fmt.Sprintf(`"EventID":10,"Message":"Process accessed:\r\nRuleName: -\r\nUtcTime: %[1]s\r\nSourceProcessGUID: %[2]s\r\nSourceImage: C:\\Windows\\system32\\svchost.exe\r\nTargetImage: C:\\Windows\\system32\\lsass.exe\r\nGrantedAccess: 0x1000\r\nCallTrace: C:\\Windows\\SYSTEM32\\ntdll.dll+9c524|C:\\Windows\\System32\\KERNELBASE.dll+2730e|c:\\windows\\system32\\lsm.dll+e4ff","Task":"10","RuleName":"-","UtcTime":"%[1]s","SourceProcessGUID":"%[2]s","SourceProcessId":"%[3]d","SourceThreadId":"500","SourceImage":"C:\\Windows\\system32\\svchost.exe","TargetProcessGUID":"{0a1b2c3d-0000-6000-0001-000000000100}","TargetProcessId":"700","TargetImage":"C:\\Windows\\system32\\lsass.exe","GrantedAccess":"0x1000","CallTrace":"C:\\Windows\\SYSTEM32\\ntdll.dll+9c524|C:\\Windows\\System32\\KERNELBASE.dll+2730e|c:\\windows\\system32\\lsm.dll+e4ff"`, utc, guid, pid)
		case i%10 < 7:
			body = fmt.Sprintf(`"EventID":13,"Message":"Registry value set:\r\nRuleName: -\r\nEventType: SetValue","Task":"13","RuleName":"-","EventType":"SetValue","UtcTime":"%s","ProcessGuid":"%s","ProcessId":"%d","Image":"C:\\Windows\\system32\\services.exe","TargetObject":"HKLM\\System\\CurrentControlSet\\Services\\acme%d\\Start","Details":"DWORD (0x00000003)"`, utc, guid, pid, i%300)
		case i%10 < 9:
			body = fmt.Sprintf(`"EventID":7,"Message":"Image loaded:\r\nRuleName: -","Task":"7","RuleName":"-","UtcTime":"%s","ProcessGuid":"%s","ProcessId":"%d","Image":"C:\\Windows\\system32\\services.exe","ImageLoaded":"C:\\Windows\\System32\\kernel32.dll","FileVersion":"10.0.1 (x)","Description":"Library","Product":"Acme OS","Company":"Acme","OriginalFileName":"kernel32","Hashes":"SHA1=86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8,MD5=0CC175B9C0F1B6A831C399E269772661,SHA256=CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB,IMPHASH=0CC175B9C0F1B6A831C399E269772661","Signed":"true","Signature":"Acme","SignatureStatus":"Valid"`, utc, guid, pid)
		default:
			body = fmt.Sprintf(`"EventID":3,"Message":"Network connection detected:","Task":"3","RuleName":"-","UtcTime":"%s","ProcessGuid":"%s","ProcessId":"%d","Image":"C:\\Program Files\\Acme\\agent.exe","User":"CORP\\mira","Protocol":"tcp","Initiated":"true","SourceIsIpv6":"false","SourceIp":"10.1.2.3","SourceHostname":"ws1.corp.example","SourcePort":"%d","SourcePortName":"-","DestinationIsIpv6":"false","DestinationIp":"203.0.113.7","DestinationHostname":"updates.acme.example","DestinationPort":"443","DestinationPortName":"https"`, utc, guid, pid, 49152+i%1000)
		}
		out = append(out, []byte("{"+envelope+","+body+"}"))
	}
	return out
}

func BenchmarkNormalise(b *testing.B) {
	records := workload(10_000)
	bytes := 0
	for _, r := range records {
		bytes += len(r)
	}
	family := winlog.New(normalise.NewProcessCache(50_000))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		var out normalise.Batch
		rec := normalise.Record{Tenant: tenant.Default, Source: winlog.Name, Number: int64(i), Data: records[i%len(records)]}
		if err := family.Normalise(&rec, &out); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.SetBytes(int64(bytes / len(records)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
