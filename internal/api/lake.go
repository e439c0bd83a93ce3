package api

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/care"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// LakeCare looks after the tenants' lakes.
type LakeCare interface {
	Report(ctx context.Context, id tenant.ID) (*care.Report, error)
	SetRule(ctx context.Context, id tenant.ID, by, table string, rule care.Rule) error
	ResetRule(ctx context.Context, id tenant.ID, table string) error
	Compaction(ctx context.Context, id tenant.ID) (care.Compaction, error)
	// RequestCompaction has the lake compacted in the background.
	RequestCompaction(ctx context.Context, id tenant.ID) error
	Tables(ctx context.Context, id tenant.ID) ([]*schema.Table, error)
	Export(ctx context.Context, id tenant.ID, w io.Writer, x lake.Export) (int64, error)
}

// LakeTable is a table of the lake with what it has and keeps.
type LakeTable struct {
	Table          string     `json:"table"`
	Kind           string     `json:"kind" enum:"event,snapshot,state,custom"`
	Rows           int64      `json:"rows"`
	Bytes          int64      `json:"bytes" doc:"on disk; rows that arrived just now may not count yet"`
	Oldest         *time.Time `json:"oldest,omitempty"`
	Newest         *time.Time `json:"newest,omitempty"`
	LastIngest     *time.Time `json:"lastIngest,omitempty" doc:"when the last row arrived"`
	RetentionDays  int64      `json:"retentionDays" doc:"0: rows have no time and are kept"`
	RetentionBytes *int64     `json:"retentionBytes" doc:"null: no bound"`
	RetentionFrom  string     `json:"retentionFrom" enum:"default,table"`
}

// LakeTotal is the whole lake.
type LakeTotal struct {
	Rows      int64  `json:"rows"`
	Bytes     int64  `json:"bytes" doc:"of the tables"`
	FileBytes int64  `json:"fileBytes" doc:"what the lake takes of the disk"`
	FreeBytes int64  `json:"freeBytes" doc:"of that, what holds nothing"`
	Engine    string `json:"engine" enum:"duckdb,clickhouse"`
	Worth     string `json:"worth,omitempty" doc:"why a compaction is worth while"`
}

// LakeView is the tenant's lake.
type LakeView struct {
	Value []LakeTable `json:"value" nullable:"false"`
	Total LakeTotal   `json:"total"`
}

// LakeCompaction is what is known of the last compaction.
type LakeCompaction struct {
	State   string     `json:"state" enum:"never,waiting,running,done,failed"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	Before  int64      `json:"before" doc:"bytes on disk"`
	After   int64      `json:"after"`
	Done    int64      `json:"doneRows"`
	Rows    int64      `json:"rows"`
	Message string     `json:"message,omitempty"`
}

// LakeTablePath names a table of the lake.
type LakeTablePath struct {
	Table string `path:"table" maxLength:"200"`
}

func (i *LakeTablePath) audited() (string, map[string]any) { return i.Table, nil }

type lakeRetentionInput struct {
	LakeTablePath
	Body struct {
		Days  int64 `json:"days,omitempty" doc:"1 to 3650; left out: the tenant's default"`
		Bytes int64 `json:"bytes,omitempty" doc:"most bytes on disk, 1 MiB or more; left out: no bound"`
	}
}

func (i *lakeRetentionInput) audited() (string, map[string]any) {
	return i.Table, map[string]any{"days": i.Body.Days, "bytes": i.Body.Bytes}
}

func (s *server) registerLake() {
	const tag = "lake"
	handle(s, operation{
		method: http.MethodGet, path: "/api/lake/tables", id: "getLakeTables", summary: "How large the tables are and what they keep", tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, s.lakeTables)
	keep := operation{
		method: http.MethodPut, path: "/api/lake/tables/{table}/retention", id: "setLakeRetention", summary: "Bound what a table keeps, by age and size", tag: tag, door: byPermission,
		permission: access.CoreManage, scope: access.ScopeAdmin, status: http.StatusNoContent,
	}
	handle(s, keep, func(ctx context.Context, c *call, in *lakeRetentionInput) (*nothing, error) {
		return &nothing{}, s.Lake.SetRule(ctx, c.tenant, c.actorName(), in.Table, care.Rule{Days: in.Body.Days, Bytes: in.Body.Bytes})
	})
	keep.method, keep.id, keep.summary = http.MethodDelete, "resetLakeRetention", "Go back to the tenant's default for a table"
	handle(s, keep, func(ctx context.Context, c *call, in *LakeTablePath) (*nothing, error) {
		return &nothing{}, s.Lake.ResetRule(ctx, c.tenant, in.Table)
	})
	compact := operation{
		method: http.MethodPost, path: "/api/lake/compact", id: "compactLake", summary: "Have the lake compacted in the background", tag: tag, door: byPermission,
		permission: access.CoreManage, scope: access.ScopeAdmin, status: http.StatusAccepted,
	}
	handle(s, compact, func(ctx context.Context, c *call, _ *struct{}) (*output[LakeCompaction], error) {
		if err := s.Lake.RequestCompaction(ctx, c.tenant); err != nil {
			return nil, err
		}
		return s.lakeCompaction(ctx, c)
	})
	handle(s, operation{
		method: http.MethodGet, path: "/api/lake/compact", id: "getLakeCompaction", summary: "What the last compaction did, or does", tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, _ *struct{}) (*output[LakeCompaction], error) {
		return s.lakeCompaction(ctx, c)
	})
	one := operation{
		method: http.MethodGet, path: "/api/lake/tables/{table}/parquet", id: "exportLakeTable", summary: "Download rows of a table as a Parquet file", tag: tag, door: byPermission,
		permission: access.DataRead, scope: access.ScopeHunt,
	}
	s.handleRaw(one, describeExport("application/vnd.apache.parquet", huma.Param{Name: "table", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}, queryParam("from"), queryParam("to")), s.exportTable)
	all := one
	all.method, all.path, all.id, all.summary = http.MethodPost, "/api/lake/export", "exportLake", "Download tables as Parquet files in one tar archive"
	s.handleRaw(all, func(o *huma.Operation) {
		describeExport("application/x-tar")(o)
		o.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
			"tables": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: "left out: all that have rows and may be read"},
			"from":   {Type: huma.TypeString, Format: "date-time"}, "to": {Type: huma.TypeString, Format: "date-time"},
		}}}}}
	}, s.exportTables)
}

func queryParam(name string) huma.Param {
	return huma.Param{Name: name, In: "query", Description: "a time as in RFC 3339, or a date", Schema: &huma.Schema{Type: huma.TypeString}}
}

func describeExport(kind string, params ...huma.Param) func(*huma.Operation) {
	return func(o *huma.Operation) {
		for i := range params {
			o.Parameters = append(o.Parameters, &params[i])
		}
		o.Responses["200"] = &huma.Response{Description: "the rows", Content: map[string]*huma.MediaType{kind: {}}}
	}
}

// exportable says which tables may be taken out: those of which whoever asks may hunt every row.
func (c *call) exportable() func(*schema.Table) bool {
	visible, rows := c.visible(), c.rows()
	return func(t *schema.Table) bool { return visible(t) && rows(t) == "" }
}

func (s *server) lakeTables(ctx context.Context, c *call, _ *struct{}) (*output[LakeView], error) {
	report, err := s.Lake.Report(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	return answer(ViewLake(report, c.exportable())), nil
}

// ViewLake is the lake's report in the form of the API, with the tables that visible lets through, all when it is nil.
func ViewLake(report *care.Report, visible func(*schema.Table) bool) LakeView {
	x := report.Inventory
	out := LakeView{Value: []LakeTable{}, Total: LakeTotal{FileBytes: x.FileBytes, FreeBytes: x.FreeBytes, Engine: x.Engine, Worth: x.Worth}}
	for i := range report.Tables {
		t := &report.Tables[i]
		if visible != nil && !visible(t.Table) {
			continue
		}
		v := LakeTable{
			Table: t.Name, Kind: tableKind(t.Table), Rows: t.Rows, Bytes: t.Bytes, Oldest: moment(t.Oldest), Newest: moment(t.Newest), LastIngest: moment(t.LastIngest),
			RetentionDays: t.Rule.Days, RetentionFrom: "default",
		}
		if t.Rule.Bytes > 0 {
			v.RetentionBytes = &t.Rule.Bytes
		}
		if t.Own {
			v.RetentionFrom = "table"
		}
		out.Value = append(out.Value, v)
		out.Total.Rows += v.Rows
		out.Total.Bytes += v.Bytes
	}
	return out
}

func (s *server) lakeCompaction(ctx context.Context, c *call) (*output[LakeCompaction], error) {
	x, err := s.Lake.Compaction(ctx, c.tenant)
	return answer(ViewCompaction(x)), err
}

// ViewCompaction is a compaction in the form of the API.
func ViewCompaction(x care.Compaction) LakeCompaction {
	return LakeCompaction{State: x.State, Started: moment(x.Started), Ended: moment(x.Ended), Before: x.Before, After: x.After, Done: x.Done, Rows: x.Rows, Message: x.Message}
}

// exporting bounds how many exports of the lake run at a time.
const exporting = 2

func (s *server) exportTurn() (done func(), err error) {
	select {
	case s.exports <- struct{}{}:
		return func() { <-s.exports }, nil
	default:
		return nil, fault.Newf(fault.Busy, "%d exports of the lake are running; try again later", exporting)
	}
}

// exportTable streams one table.
func (s *server) exportTable(w http.ResponseWriter, r *http.Request, c *call) error {
	x := lake.Export{Table: r.PathValue("table")}
	tables, err := s.exported(r.Context(), c, []string{x.Table})
	if err != nil {
		return err
	}
	if x.From, x.To, err = ExportRange(r.URL.Query().Get("from"), r.URL.Query().Get("to"), tables); err != nil {
		return err
	}
	done, err := s.exportTurn()
	if err != nil {
		return err
	}
	defer done()
	if err := s.Access.Audit(r.Context(), c.tenant, c.who, access.Entry{Action: "exportLakeTable", Target: x.Table, Details: map[string]any{"from": x.From, "to": x.To}}); err != nil {
		return err
	}
	out := &lakeStream{w: w, control: http.NewResponseController(w), name: x.Table + ".parquet", kind: "application/vnd.apache.parquet"}
	if _, err := s.Lake.Export(r.Context(), c.tenant, out, x); err != nil {
		return s.brokenOff(r, out, err)
	}
	return nil
}

// brokenOff ends an answer abnormally when it has begun, so that no client takes a part for the whole.
func (s *server) brokenOff(r *http.Request, out *lakeStream, err error) error {
	if !out.started {
		return err
	}
	s.Log.Debug("an export broke off", "request", requestID(r.Context()), "error", err)
	panic(http.ErrAbortHandler)
}

// exported finds the tables that are asked for among those that may be taken out. What may not be seen does not exist.
func (s *server) exported(ctx context.Context, c *call, names []string) ([]*schema.Table, error) {
	all, err := s.Lake.Tables(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	visible, whole := c.visible(), c.exportable()
	for _, t := range all {
		if slices.Contains(names, t.Name) && visible(t) && !whole(t) {
			return nil, fault.Newf(fault.Permission, "you may see some rows of %s and not all: hunt for them, and export the result", t.Name).On("table")
		}
	}
	return ChooseTables(slices.DeleteFunc(slices.Clone(all), func(t *schema.Table) bool { return !whole(t) }), names)
}

// ChooseTables picks tables by name, all when there are no names.
func ChooseTables(all []*schema.Table, names []string) ([]*schema.Table, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []*schema.Table
	for _, name := range names {
		i := slices.IndexFunc(all, func(t *schema.Table) bool { return t.Name == name })
		if i < 0 {
			return nil, fault.Newf(fault.NotFound, "there is no hunting table %q", name).On("table")
		}
		if !slices.Contains(out, all[i]) {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// ExportRange reads the bounds of an export of the tables; "" is none.
func ExportRange(from, to string, tables []*schema.Table) (start, end time.Time, err error) {
	for _, x := range []struct {
		text, name string
		into       *time.Time
	}{{from, "from", &start}, {to, "to", &end}} {
		if x.text == "" {
			continue
		}
		if *x.into, err = time.Parse(time.RFC3339Nano, x.text); err != nil {
			*x.into, err = time.Parse(time.DateOnly, x.text)
		}
		if err != nil || x.into.Year() > 9999 {
			return start, end, fault.Newf(fault.Invalid, "%q is not a time such as 2025-01-31T10:00:00Z, nor a date", x.text).On(x.name)
		}
	}
	if from != "" || to != "" {
		for _, t := range tables {
			if t.TimeColumn == "" && len(tables) == 1 {
				return start, end, fault.Newf(fault.Invalid, "rows of %s have no time; export it without a range", t.Name).On("from")
			}
		}
	}
	return start, end, nil
}

// exportTables streams a tar archive. Each file is made on disk first, since its length stands before it.
func (s *server) exportTables(w http.ResponseWriter, r *http.Request, c *call) error {
	var in struct {
		Tables   []string `json:"tables"`
		From, To string
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil && err != io.EOF {
		return fault.Newf(fault.Invalid, "the body is not a JSON object of tables, from and to")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	tables, err := s.exported(r.Context(), c, in.Tables)
	if err != nil {
		return err
	}
	from, to, err := ExportRange(in.From, in.To, tables)
	if err != nil {
		return err
	}
	done, err := s.exportTurn()
	if err != nil {
		return err
	}
	defer done()
	folder, err := os.MkdirTemp(s.System.Backups(), "export-")
	if err != nil {
		return fault.Newf(fault.Unavailable, "there is no place to write the export: %w", err)
	}
	defer os.RemoveAll(folder)
	if err := s.Access.Audit(r.Context(), c.tenant, c.who, access.Entry{Action: "exportLake", Target: "lake", Details: map[string]any{"tables": in.Tables, "from": in.From, "to": in.To}}); err != nil {
		return err
	}
	out := &lakeStream{w: w, control: http.NewResponseController(w), name: "bartizan-lake.tar", kind: "application/x-tar"}
	archive := tar.NewWriter(out)
	for _, t := range tables {
		x := lake.Export{Table: t.Name, From: from, To: to}
		if t.TimeColumn == "" {
			x.From, x.To = time.Time{}, time.Time{}
		}
		if err := s.exportMember(r.Context(), c.tenant, archive, folder, x, len(in.Tables) > 0); err != nil {
			return s.brokenOff(r, out, err)
		}
	}
	if err := archive.Close(); err != nil {
		return s.brokenOff(r, out, err)
	}
	return nil
}

// exportMember adds a table to the archive; one without rows only when it was asked for by name.
func (s *server) exportMember(ctx context.Context, id tenant.ID, to *tar.Writer, folder string, x lake.Export, named bool) error {
	f, err := os.CreateTemp(folder, "table-")
	if err != nil {
		return fault.Newf(fault.Unavailable, "there is no place to write the export: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := s.Lake.Export(ctx, id, f, x)
	if err != nil || n == 0 && !named {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := to.WriteHeader(&tar.Header{Name: x.Table + ".parquet", Mode: 0o600, Size: size, ModTime: time.Now(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return err
}

// lakeStream sends a file as it is written. A client that takes longer than slowClient for a part is cut off.
type lakeStream struct {
	w          http.ResponseWriter
	control    *http.ResponseController
	name, kind string
	started    bool
}

// Write implements io.Writer.
func (f *lakeStream) Write(p []byte) (int, error) {
	if !f.started {
		f.started = true
		h := f.w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", f.name))
	}
	_ = f.control.SetWriteDeadline(time.Now().Add(slowClient)) // not every connection has one
	n, err := f.w.Write(p)
	_ = f.control.SetWriteDeadline(time.Time{})
	return n, err
}
