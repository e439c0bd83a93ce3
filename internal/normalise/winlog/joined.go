package winlog

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Bounds of scripts whose parts are still coming, per tenant.
const (
	maxScripts     = 1024
	maxScriptText  = 64 << 20 // bytes of all of them
	maxScriptParts = 4096     // of one script
	scriptTimeout  = 10 * 60 * schema.TicksPerSecond
)

// scripts puts the parts of script blocks together. PowerShell writes a long script as several events; each becomes a row ScriptContentPart as it comes, and
// when the last has come (or none came for ten minutes of the device's time, or there is no more room) one row ScriptContent has the whole.
type scripts struct {
	byID  map[scriptKey]*script
	order []*script // as they began; finished ones are nil
	text  int
}

type scriptKey struct{ device, block string }

type script struct {
	key   scriptKey
	total int
	parts map[int]string
	size  int
	ticks int64       // of the newest part
	row   *schema.Row // of the first part that came, with all columns but the content
}

// add takes a part and returns the script when it is complete.
func (s *scripts) add(key scriptKey, number, total int, text string, ticks int64, row *schema.Row) *script {
	if s.byID == nil {
		s.byID = map[scriptKey]*script{}
	}
	b := s.byID[key]
	if b == nil {
		key = scriptKey{strings.Clone(key.device), strings.Clone(key.block)}
		b = &script{key: key, total: total, parts: map[int]string{}, row: cloneRow(row)}
		s.byID[key] = b
		s.order = append(s.order, b)
	}
	b.ticks = max(b.ticks, ticks)
	if _, twice := b.parts[number]; !twice && len(b.parts) < maxScriptParts {
		b.parts[number] = strings.Clone(text)
		b.size += len(text)
		s.text += len(text)
	}
	if len(b.parts) >= b.total {
		s.drop(b)
		return b
	}
	return nil
}

// due returns a script that waits no longer, nil when none does.
func (s *scripts) due(device string, ticks int64) *script {
	for len(s.order) > 0 && s.order[0] == nil {
		s.order = s.order[1:]
	}
	for _, b := range s.order {
		if b == nil {
			continue
		}
		if len(s.byID) > maxScripts || s.text > maxScriptText || b.key.device == device && ticks-b.ticks > scriptTimeout {
			s.drop(b)
			return b
		}
	}
	return nil
}

func (s *scripts) drop(b *script) {
	delete(s.byID, b.key)
	s.text -= b.size
	for i, x := range s.order {
		if x == b {
			s.order[i] = nil
			break
		}
	}
}

// whole is the row of a script: the first part's, with all the text that came.
func (b *script) whole(w *worker) *schema.Row {
	var text strings.Builder
	text.Grow(b.size)
	for i := 1; i <= b.total; i++ {
		text.WriteString(b.parts[i])
	}
	row := b.row
	sum := sha256.Sum256([]byte(text.String()))
	w.extra.Reset()
	w.extra.Text("ScriptContent", text.String())
	w.extra.Text("ScriptBlockId", b.key.block)
	w.extra.Int("MessageTotal", int64(b.total))
	if len(b.parts) < b.total {
		w.extra.Bool("Incomplete", true)
		w.extra.Int("PartsSeen", int64(len(b.parts)))
	} else {
		put(row, "SHA256", hex.EncodeToString(sum[:]))
	}
	w.extra.Text("Source", "powershell")
	w.extra.Int("EventId", 4104)
	row.Set("ActionType", "ScriptContent")
	row.Set("ReportId", w.dev.nextReport(schema.TimeOf(w.ticks), w.source.Number))
	row.Set("AdditionalFields", strings.Clone(w.extra.String()))
	return row
}

func cloneRow(row *schema.Row) *schema.Row {
	out := schema.NewRow(row.Table.Name)
	for i := range row.Table.Columns {
		c := &row.Table.Columns[i]
		if c.AliasOf != "" {
			continue
		}
		switch v := row.Get(c.Name).(type) {
		case nil:
		case string:
			out.Set(c.Name, strings.Clone(v))
		default:
			out.Set(c.Name, v)
		}
	}
	return out
}

// scriptPart hands a part of a script to the scripts that are being put together, and adds the rows of those that are whole or waited too long.
func (w *worker) scriptPart(row *schema.Row, text string, number, total int) {
	block := w.rec.peek("ScriptBlockId")
	if b := w.scripts.add(scriptKey{w.dev.id, block}, number, total, text, w.ticks, row); b != nil {
		w.out.Rows = append(w.out.Rows, b.whole(w))
	}
	w.lateScripts()
}

// lateScripts adds the rows of scripts that wait no longer; at most a few at a time, so that no record pays for all.
func (w *worker) lateScripts() {
	if len(w.scripts.byID) == 0 {
		return
	}
	for range 4 {
		b := w.scripts.due(w.dev.id, w.ticks)
		if b == nil {
			return
		}
		w.out.Rows = append(w.out.Rows, b.whole(w))
	}
}

// parts reads which part of how many a script event is; 1 of 1 when it does not say.
func (r *record) parts() (number, total int) {
	number, err1 := strconv.Atoi(r.peek("MessageNumber"))
	total, err2 := strconv.Atoi(r.peek("MessageTotal"))
	if err1 != nil || err2 != nil || number < 1 || total < number || total > maxScriptParts {
		return 1, 1
	}
	return number, total
}

// otherValue joins the two events by which a directory writes the change of one attribute (5136: the old value deleted, the new one added): it returns the
// other one's value if that came before, and remembers this one for when it comes.
func (d *device) otherValue(operation, object, attribute, kind, value string) string {
	if operation == "" || attribute == "" {
		return ""
	}
	if d.changes == nil {
		d.changes = newRecent[string, string](maxChanges)
	}
	name := operation + "\x00" + strings.ToLower(object) + "\x00" + strings.ToLower(attribute) + "\x00"
	other := "%%14674"
	if kind == other {
		other = "%%14675"
	}
	d.changes.put(name+kind, strings.Clone(clip(value, maxNoted)))
	found, _ := d.changes.get(name + other)
	return found
}

// Bounds of what is remembered of a device for later events.
const (
	maxChanges = 256
	maxWMI     = 128
	maxNoted   = 4096 // bytes of one value
)

// rememberWMI keeps what a filter asks for or a consumer runs, by name, for the binding that names both.
func (d *device) rememberWMI(name, text string) {
	if name = wmiName(name); name == "" || text == "" {
		return
	}
	if d.wmi == nil {
		d.wmi = newRecent[string, string](maxWMI)
	}
	d.wmi.put(strings.Clone(name), strings.Clone(clip(text, maxNoted)))
}

func (d *device) wmiPart(path string) string {
	if d.wmi == nil {
		return ""
	}
	text, _ := d.wmi.get(wmiName(path))
	return text
}

// wmiName is the name in a path such as `\\.\root\subscription:__EventFilter.Name="x"`, or the bare name, in lower case without quotes.
func wmiName(s string) string {
	if i := strings.Index(strings.ToLower(s), "name="); i >= 0 {
		s = s[i+len("name="):]
	}
	return strings.ToLower(strings.Trim(strings.TrimSpace(s), `"\`))
}
