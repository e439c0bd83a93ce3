package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// newRow starts a row of a Device* table for the record in hand.
func (w *worker) newRow(table, action string) *schema.Row {
	row := schema.NewRow(table)
	row.Set("Timestamp", w.ticks)
	row.Set("DeviceId", w.dev.id)
	row.Set("DeviceName", w.dev.name)
	row.Set("ActionType", action)
	row.Set("ReportId", w.report)
	return row
}

// finish gives a row its AdditionalFields, what the mapping put aside and every source field that no column took, and hands it over.
// It must come after all columns of all rows of the record are set.
func (w *worker) finish(rows ...*schema.Row) {
	if len(rows) == 0 {
		return
	}
	r := &w.rec
	for i := range r.data {
		d := &r.data[i]
		if d.used || d.Kind == normalise.Null || d.Kind == normalise.String && (d.Text == "" || d.Text == "-") {
			continue
		}
		w.extra.Value(d.name, d.Value)
	}
	w.extra.Text("Source", w.sourceName())
	w.extra.Int("EventId", int64(r.eventID))
	text := w.extra.String()
	for _, row := range rows {
		row.Set("AdditionalFields", text)
	}
	w.rows = append(w.rows, rows...)
}

// sourceName is the value of AdditionalFields.Source.
func (w *worker) sourceName() string {
	if s := w.rec.service(); s != "" {
		return s
	}
	return strings.ToLower(w.rec.channel)
}

// put sets a column if the table has it and the value is not empty.
func put(row *schema.Row, column, value string) {
	if value == "" {
		return
	}
	if i := row.Table.Column(column); i >= 0 {
		row.Values[i] = value
	}
}

func putInt(row *schema.Row, column string, value int64) {
	if i := row.Table.Column(column); i >= 0 {
		if row.Table.Columns[i].Type == schema.Int {
			row.Values[i] = int32(value)
		} else {
			row.Values[i] = value
		}
	}
}

func putTicks(row *schema.Row, column string, ticks int64) {
	if ticks != 0 {
		putInt(row, column, ticks)
	}
}

// file sets FolderPath, which holds the whole path, and FileName.
func file(row *schema.Row, path string) {
	if path == "" {
		return
	}
	put(row, "FolderPath", path)
	put(row, "FileName", normalise.Leaf(path))
}

func hashes(row *schema.Row, h normalise.Hashes) {
	put(row, "MD5", h.MD5)
	put(row, "SHA1", h.SHA1)
	put(row, "SHA256", h.SHA256)
}

func account(row *schema.Row, prefix, text string) {
	domain, name, upn := normalise.SplitAccount(text)
	accountParts(row, prefix, domain, name, "")
	put(row, prefix+"Upn", upn)
}

func accountParts(row *schema.Row, prefix, domain, name, sid string) {
	domain, name = normalise.CleanText(domain), normalise.CleanText(name)
	if i := strings.LastIndexByte(name, '@'); i > 0 && i < len(name)-1 {
		put(row, prefix+"Upn", name)
		name = name[:i]
	}
	switch prefix {
	case "Account":
		put(row, "AccountDomain", domain)
		put(row, "AccountName", name)
		put(row, "AccountSid", normalise.CleanSID(sid))
	case "InitiatingProcessAccount":
		put(row, "InitiatingProcessAccountDomain", domain)
		put(row, "InitiatingProcessAccountName", name)
		put(row, "InitiatingProcessAccountSid", normalise.CleanSID(sid))
	default:
		put(row, prefix+"Domain", domain)
		put(row, prefix+"Name", name)
		put(row, prefix+"Sid", normalise.CleanSID(sid))
	}
}

// remote sets an address column and its type.
func (w *worker) remote(row *schema.Row, ip string) {
	if ip = normalise.CleanIP(ip); ip != "" {
		put(row, "RemoteIP", ip)
		put(row, "RemoteIPType", normalise.IPType(ip))
	}
}

func putPort(row *schema.Row, column, text string) {
	if port, ok := normalise.Port(text); ok {
		putInt(row, column, int64(port))
	}
}

// actorRef says which process an event names as the one that acted.
type actorRef struct {
	guid string
	id   int64
	has  bool // id is known
	path string
	user string
}

// initiator fills the InitiatingProcess* columns: what the event says, and the rest from the process cache.
func (w *worker) initiator(row *schema.Row, a actorRef) {
	p, known := w.lookup(a)
	if known {
		w.actor = &p
		if a.path == "" {
			a.path = p.Path
		}
		if !a.has && p.ID != 0 {
			a.id, a.has = p.ID, true
		}
	}
	if a.has {
		putInt(row, "InitiatingProcessId", a.id)
	}
	if a.path != "" {
		put(row, "InitiatingProcessFolderPath", a.path)
		put(row, "InitiatingProcessFileName", normalise.Leaf(a.path))
	}
	put(row, "InitiatingProcessUniqueId", a.guid)
	if a.user != "" {
		account(row, "InitiatingProcessAccount", a.user)
	}
	if known {
		initiatorFrom(row, &p, a.user == "")
	}
}

// initiatorFrom fills what only the cache knows.
func initiatorFrom(row *schema.Row, p *normalise.Process, withAccount bool) {
	put(row, "InitiatingProcessCommandLine", p.CommandLine)
	putTicks(row, "InitiatingProcessCreationTime", p.Created)
	put(row, "InitiatingProcessMD5", p.Hashes.MD5)
	put(row, "InitiatingProcessSHA1", p.Hashes.SHA1)
	put(row, "InitiatingProcessSHA256", p.Hashes.SHA256)
	put(row, "InitiatingProcessIntegrityLevel", p.Integrity)
	put(row, "InitiatingProcessTokenElevation", p.TokenElevation)
	put(row, "InitiatingProcessVersionInfoCompanyName", p.Company)
	put(row, "InitiatingProcessVersionInfoProductName", p.Product)
	put(row, "InitiatingProcessVersionInfoProductVersion", p.Version)
	put(row, "InitiatingProcessVersionInfoOriginalFileName", p.OriginalFileName)
	put(row, "InitiatingProcessVersionInfoFileDescription", p.Description)
	put(row, "InitiatingProcessUniqueId", p.GUID)
	if p.LogonID != 0 {
		putInt(row, "InitiatingProcessLogonId", p.LogonID)
	}
	if withAccount && row.Get("InitiatingProcessAccountName") == nil {
		put(row, "InitiatingProcessAccountDomain", p.AccountDomain)
		put(row, "InitiatingProcessAccountName", p.AccountName)
	}
	if row.Get("InitiatingProcessAccountSid") == nil {
		put(row, "InitiatingProcessAccountSid", p.AccountSID)
	}
	if p.ParentID != 0 {
		putInt(row, "InitiatingProcessParentId", p.ParentID)
	}
	if p.ParentPath != "" {
		put(row, "InitiatingProcessParentFileName", normalise.Leaf(p.ParentPath))
		put(row, "InitiatingProcessParentFolderPath", p.ParentPath)
	}
	putTicks(row, "InitiatingProcessParentCreationTime", p.ParentCreated)
}

// lookup finds a process in the cache by its GUID, else by its id at the event's time. A process found by id must not contradict the path.
func (w *worker) lookup(a actorRef) (normalise.Process, bool) {
	if p, ok := w.family.cache.ByGUID(w.tenant, w.dev.id, a.guid); ok {
		return p, true
	}
	if !a.has || a.id == 0 {
		return normalise.Process{}, false
	}
	p, ok := w.family.cache.At(w.tenant, w.dev.id, a.id, w.ticks)
	if !ok || a.guid != "" && p.GUID != "" && p.GUID != a.guid {
		return normalise.Process{}, false
	}
	if a.path != "" && p.Path != "" && !strings.EqualFold(normalise.Leaf(a.path), normalise.Leaf(p.Path)) {
		return normalise.Process{}, false
	}
	return p, true
}

// processGUID is the canonical form of a sensor's process id: lower case, with braces; "" for the null GUID.
func processGUID(s string) string {
	if len(s) == 36 {
		s = "{" + s + "}"
	}
	if len(s) != 38 || s == "{00000000-0000-0000-0000-000000000000}" {
		return ""
	}
	return strings.ToLower(s)
}

// logonID reads a hexadecimal or decimal logon id into a long; ids above the range wrap as the column does.
func (w *worker) logonID(row *schema.Row, column, field string) int64 {
	id, ok := parseInt(w.rec.get(field))
	if !ok {
		return 0
	}
	putInt(row, column, id)
	return id
}

func integrityOf(label string) string {
	switch label {
	case "S-1-16-0":
		return "Untrusted"
	case "S-1-16-4096":
		return "Low"
	case "S-1-16-8192", "S-1-16-8448":
		return "Medium"
	case "S-1-16-12288":
		return "High"
	case "S-1-16-16384":
		return "System"
	}
	return ""
}

func elevationOf(code string) string {
	switch code {
	case "%%1936":
		return "TokenElevationTypeDefault"
	case "%%1937":
		return "TokenElevationTypeFull"
	case "%%1938":
		return "TokenElevationTypeLimited"
	}
	return ""
}
