// What a collector needs to be told so that it delivers here. Each guide is a file of the collector's own configuration.

export interface Guide {
  id: string;
  name: string;
  ships: string;
  // file is where the configuration goes on the machine that ships.
  file: string;
  // syslog guides need no token, but a listener in the server's settings.
  syslog?: boolean;
  configuration: (to: Target) => string;
}

export interface Target {
  origin: string;
  token: string;
}

// placeholder stands where the token goes until one is made.
export const placeholder = 'TOKEN';

const host = (origin: string) => new URL(origin).hostname;
const port = (origin: string) => {
  const url = new URL(origin);
  return url.port || (url.protocol === 'https:' ? '443' : '80');
};
const secure = (origin: string) => origin.startsWith('https:');

const beat = ({ origin, token }: Target, input: string) => `${input}
output.elasticsearch:
  hosts: ["${origin}"]
  api_key: "id:${token}"
setup.template.enabled: false
setup.ilm.enabled: false
`;

export const guides: readonly [Guide, ...Guide[]] = [
  {
    id: 'winlogbeat',
    name: 'Winlogbeat',
    ships: 'Windows event logs and Sysmon',
    file: 'winlogbeat.yml',
    configuration: (to) =>
      beat(
        to,
        `winlogbeat.event_logs:
  - name: Security
  - name: System
  - name: Microsoft-Windows-Sysmon/Operational
  - name: Microsoft-Windows-PowerShell/Operational
`,
      ),
  },
  {
    id: 'filebeat',
    name: 'Filebeat',
    ships: 'Linux audit and authentication logs, Zeek, Suricata',
    file: 'filebeat.yml',
    configuration: (to) =>
      beat(
        to,
        `filebeat.inputs:
  - type: filestream
    id: linux
    paths: [/var/log/audit/audit.log, /var/log/auth.log]
  - type: filestream
    id: sensors
    paths: [/opt/zeek/logs/current/*.log, /var/log/suricata/eve.json]
`,
      ),
  },
  {
    id: 'rsyslog',
    name: 'rsyslog',
    ships: 'everything syslog has, without loss',
    file: '/etc/rsyslog.d/60-bartizan.conf',
    configuration: ({ origin, token }) => `module(load="omelasticsearch")
template(name="bartizan" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="syslogtag" name="syslogtag" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
action(type="omelasticsearch" server="${host(origin)}" serverport="${port(origin)}" usehttps="${secure(origin) ? 'on' : 'off'}"
       uid="bartizan" pwd="${token}" bulkmode="on" template="bartizan" searchIndex="syslog" searchType=""
       action.resumeRetryCount="-1" queue.type="linkedList" queue.filename="bartizan" queue.saveOnShutdown="on")
`,
  },
  {
    id: 'syslog',
    name: 'Syslog devices',
    ships: 'firewalls, proxies, appliances',
    file: 'bartizan.yml on this server',
    syslog: true,
    configuration: () => `syslog:
  udp: 0.0.0.0:5514
  tcp: 0.0.0.0:6514
  # encrypted, with the certificate of tls.cert and tls.key:
  # tls: 0.0.0.0:6515
`,
  },
  {
    id: 'osquery',
    name: 'osquery',
    ships: 'processes, connections, files and sign-ins of Linux and macOS',
    file: '/etc/osquery/osquery.flags (osquery speaks HTTPS only)',
    configuration: ({ origin, token }) => `# printf %s '${token}' > /etc/osquery/secret
--enroll_secret_path=/etc/osquery/secret
--tls_hostname=${host(origin)}:${port(origin)}
--tls_server_certs=/etc/osquery/ca.pem
--enroll_tls_endpoint=/osquery/enroll
--config_plugin=tls
--config_tls_endpoint=/osquery/config
--logger_plugin=tls
--logger_tls_endpoint=/osquery/log
`,
  },
  {
    id: 'fluentbit',
    name: 'Fluent Bit',
    ships: 'containers, files, journald',
    file: 'fluent-bit.conf',
    configuration: ({ origin, token }) => `[INPUT]
    Name    systemd
    Tag     journal

[OUTPUT]
    Name                es
    Match               *
    Host                ${host(origin)}
    Port                ${port(origin)}
    tls                 ${secure(origin) ? 'On' : 'Off'}
    HTTP_User           bartizan
    HTTP_Passwd         ${token}
    Index               journal
    Suppress_Type_Name  On
    Trace_Error         On
`,
  },
  {
    id: 'vector',
    name: 'Vector',
    ships: 'whatever its sources read',
    file: 'vector.yaml',
    configuration: ({ origin, token }) => `sources:
  journal:
    type: journald
sinks:
  bartizan:
    type: http
    inputs: [journal]
    uri: ${origin}/ingest/v1/auto
    method: post
    compression: gzip
    encoding:
      codec: json
    framing:
      method: newline_delimited
    auth:
      strategy: bearer
      token: ${token}
`,
  },
  {
    id: 'logstash',
    name: 'Logstash',
    ships: 'whatever its pipelines make',
    file: '/etc/logstash/conf.d/bartizan.conf',
    configuration: ({ origin, token }) => `output {
  elasticsearch {
    hosts => ["${origin}"]
    user => "bartizan"
    password => "${token}"
    index => "logs"
    data_stream => false
    manage_template => false
    ilm_enabled => false
  }
}
`,
  },
  {
    id: 'otel',
    name: 'OpenTelemetry Collector',
    ships: 'whatever its receivers read',
    file: 'config.yaml',
    configuration: ({ origin, token }) => `receivers:
  filelog:
    include: [/var/log/auth.log]
exporters:
  otlphttp:
    endpoint: ${origin}
    headers:
      Authorization: Bearer ${token}
service:
  pipelines:
    logs:
      receivers: [filelog]
      exporters: [otlphttp]
`,
  },
  {
    id: 'hec',
    name: 'Splunk HEC client',
    ships: 'whatever already sends to a Splunk HTTP event collector',
    file: 'a terminal',
    configuration: ({ origin, token }) => `curl ${origin}/services/collector/event \\
  -H "Authorization: Splunk ${token}" \\
  -d '{"host":"web1","event":"Mar  4 05:06:07 web1 sshd[7]: Failed password for root from 192.0.2.9 port 4711 ssh2"}'
`,
  },
  {
    id: 'streaming',
    name: 'Event streaming',
    ships: 'rows of hunting tables, as other products stream or export them',
    file: 'a terminal',
    configuration: ({ origin, token }) => `curl ${origin}/ingest/v1/hunting \\
  -H "Authorization: Bearer ${token}" \\
  --data-binary '{"records":[{"time":"2026-03-04T05:06:07Z","category":"AdvancedHunting-DeviceProcessEvents","properties":{"DeviceName":"pc1","FileName":"whoami.exe"}}]}'
`,
  },
  {
    id: 'alerts',
    name: 'Alerts of other products',
    ships: 'finished alerts, to be joined with the rest',
    file: 'a terminal',
    configuration: ({ origin, token }) => `curl ${origin}/ingest/v1/alerts \\
  -H "Authorization: Bearer ${token}" \\
  --data-binary @alerts.json
`,
  },
  {
    id: 'curl',
    name: 'Files and scripts',
    ships: 'JSON lines, EVTX, mail, CSV, archives of them',
    file: 'a terminal',
    configuration: ({ origin, token }) => `curl ${origin}/ingest/v1/auto \\
  -H "Authorization: Bearer ${token}" \\
  --data-binary @Security.evtx
`,
  },
];
