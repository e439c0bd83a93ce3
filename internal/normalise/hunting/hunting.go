// Package hunting takes rows that are hunting table rows already, as event streaming of other products and exports of their tables give them, and puts
// them straight into the table of that name. A streamed row names its table in the envelope ({"category":"AdvancedHunting-X","properties":{…}}) or in
// Type; an exported one is recognised by its columns. Columns the table does not have go to AdditionalFields.
package hunting

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "hunting"

// Family normalises rows. It is used by one goroutine.
type Family struct {
	parser fastjson.Parser
	seed   maphash.Seed
	// guessed remembers which table a set of filled columns belongs to; bounded by maxGuesses.
	guessed map[uint64]*schema.Table
	weights map[string]float64 // column name to how much it says about its table
}

const maxGuesses = 4096

// New returns the family.
func New() *Family {
	f := &Family{seed: maphash.MakeSeed(), guessed: map[uint64]*schema.Table{}, weights: map[string]float64{}}
	for _, t := range schema.Load().Tables() {
		for _, c := range t.Columns {
			if !c.Hidden {
				f.weights[c.Name]++
			}
		}
	}
	for name, n := range f.weights {
		f.weights[name] = 1 / n
	}
	return f
}

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a row of a hunting table.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{':
		return 0
	case has(`"AdvancedHunting-`):
		return 98
	case !has(`"Timestamp"`) || has(`"EventID"`):
		return 0
	case has(`"ActionType"`) && (has(`"InitiatingProcess`) || has(`"DeviceId"`) || has(`"AccountObjectId"`) || has(`"AccountUpn"`)):
		return 85
	case has(`"ReportId"`) && (has(`"DeviceId"`) || has(`"NetworkMessageId"`) || has(`"AccountObjectId"`) || has(`"ApplicationId"`)):
		return 80
	case has(`"AlertId"`) && (has(`"EvidenceRole"`) || has(`"DetectionSource"`)):
		return 80
	}
	return 0
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	body, name := v, ""
	if category := cloudapp.Text(v, "category"); strings.HasPrefix(category, "AdvancedHunting-") {
		name = strings.TrimPrefix(category, "AdvancedHunting-")
		if body = cloudapp.Unpack(v.Get("properties")); body == nil || body.Type() != fastjson.TypeObject {
			return fault.Newf(fault.Invalid, "hunting: the record of table %s has no properties", name)
		}
	} else if t := cloudapp.First(v, "Type", "$table", "TableName"); schema.Load().Table(t) != nil {
		name = t
	}
	var table *schema.Table
	if name != "" {
		if table = schema.Load().Table(name); table == nil {
			out.Unmapped = Name + "/" + cut(name)
			out.Events = append(out.Events, &normalise.Event{
				Tenant: rec.Tenant, Time: cloudapp.Time(body, "Timestamp", "TimeGenerated"), File: rec.File, Number: rec.Number,
				Lab: rec.Lab, Fields: cloudapp.Flat(body), Raw: rec.Data,
			})
			return nil
		}
	} else if table = f.guess(body); table == nil {
		return fault.Newf(fault.Invalid, "hunting: the row does not name its table and its columns fit none; name it in a Type column")
	}
	row, when := f.row(table, body)
	if when.IsZero() && table.TimeColumn != "" {
		return fault.Newf(fault.Invalid, "hunting: the row of table %s has no readable Timestamp", table.Name)
	}
	out.Rows = append(out.Rows, row)
	out.Events = append(out.Events, event(rec, row, body, when))
	return nil
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 64)], "") }

// filled calls use for each member that holds something, by its column name: exports append the type to a name that two tables use differently.
func filled(v *fastjson.Value, use func(name string, m *fastjson.Value)) {
	cloudapp.Members(v, func(name string, m *fastjson.Value) {
		if m.Type() == fastjson.TypeNull || m.Type() == fastjson.TypeString && len(m.GetStringBytes()) == 0 {
			return
		}
		for _, suffix := range []string{"_string", "_dynamic", "_datetime", "_long", "_real", "_bool", "_guid", "_int"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && base != "" {
				name = base
				break
			}
		}
		use(name, m)
	})
}

// guess finds the table that the filled columns of a row belong to: the one whose rare columns it has most of.
func (f *Family) guess(v *fastjson.Value) *schema.Table {
	var h maphash.Hash
	h.SetSeed(f.seed)
	var names []string
	filled(v, func(name string, _ *fastjson.Value) {
		if !slices.Contains(names, name) && len(names) < 2000 {
			names = append(names, name)
			_, _ = h.WriteString(name)
			_ = h.WriteByte(0)
		}
	})
	key := h.Sum64()
	if t, ok := f.guessed[key]; ok {
		return t
	}
	var best *schema.Table
	score := 0.0
	for _, t := range schema.Load().Tables() {
		s, hits := 0.0, 0
		for _, n := range names {
			i := t.Column(n)
			if i >= 0 && !t.Columns[i].Hidden {
				s += f.weights[n]
				hits++
			} else if f.weights[n] > 0 {
				s -= f.weights[n]
			}
		}
		if hits >= 3 && hits*10 >= len(names)*6 && s > score {
			best, score = t, s
		}
	}
	if len(f.guessed) < maxGuesses {
		f.guessed[key] = best
	}
	return best
}

// row sets the columns of the table from the members of v and gathers the rest.
func (f *Family) row(t *schema.Table, v *fastjson.Value) (*schema.Row, time.Time) {
	row := schema.NewRow(t.Name)
	var rest normalise.Dynamic
	var own *fastjson.Value
	filled(v, func(name string, m *fastjson.Value) {
		i := t.Column(name)
		switch {
		case name == "AdditionalFields" && own == nil:
			own = m
			return
		case name == "AdditionalFields": // a union of two tables
			rest.Raw("AdditionalFields2", normalise.JSON(m))
			return
		case i < 0 || t.Columns[i].AliasOf != "" || ours[name]:
			if name != "TimeGenerated" && name != "Type" {
				rest.Raw(name, normalise.JSON(m))
			}
			return
		}
		if row.Values[i] != nil || !set(row, t.Columns[i], m) {
			rest.Raw(name, normalise.JSON(m))
		}
	})
	when := cloudapp.Time(v, "Timestamp", "TimeGenerated", "Timestamp_datetime")
	if t.TimeColumn != "" {
		row.Set(t.TimeColumn, when)
	}
	row.Set("AdditionalFields", additional(own, rest.String()))
	return row, when
}

// ours are columns that this house fills itself.
var ours = map[string]bool{"IngestTime": true, "RecordOrigin": true, "RecordNumber": true, "LabScenario": true}

// additional joins the row's own AdditionalFields with what had no column.
func additional(own *fastjson.Value, rest string) string {
	if own == nil {
		return rest
	}
	inner := cloudapp.Unpack(own)
	text := normalise.JSON(inner)
	if inner.Type() != fastjson.TypeObject {
		if rest == "" {
			return text
		}
		return `{"AdditionalFields":` + text + "," + rest[1:]
	}
	switch {
	case rest == "":
		return text
	case text == "{}":
		return rest
	}
	return text[:len(text)-1] + "," + rest[1:]
}

// set stores a member in its column's type; false says that the value does not fit.
func set(row *schema.Row, c schema.Column, m *fastjson.Value) bool {
	text := normalise.JSONText(m)
	switch c.Type {
	case schema.DateTime:
		t, ok := normalise.ParseTime(text)
		if ok {
			row.Set(c.Name, t)
		}
		return ok
	case schema.Bool:
		switch strings.ToLower(text) {
		case "true", "1":
			row.Set(c.Name, true)
		case "false", "0":
			row.Set(c.Name, false)
		default:
			return false
		}
	case schema.Int, schema.Long:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			x, ferr := strconv.ParseFloat(text, 64) // tables exported through data frames write whole numbers as 72192.0
			if ferr != nil || x != float64(int64(x)) || x > 1<<53 || x < -(1<<53) {
				return false
			}
			n = int64(x)
		}
		if c.Type == schema.Int && n != int64(int32(n)) {
			return false
		}
		row.Set(c.Name, n)
	case schema.Real:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return false
		}
		row.Set(c.Name, x)
	case schema.Dynamic:
		row.Set(c.Name, normalise.JSON(cloudapp.Unpack(m)))
	case schema.GUID:
		row.Set(c.Name, strings.ToLower(text))
	default:
		row.Set(c.Name, text)
	}
	return true
}

var _ normalise.Family = (*Family)(nil)
