package hunting

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
)

// Bounds of functions.
const (
	maxFunctions  = 500 // of one owner
	maxBody       = 32 << 10
	maxParameters = 20
)

// Parameter is a parameter of a function. A table has Columns, none of which means that any table will do; Default is a literal of the language, or for a
// string its plain text.
type Parameter struct {
	Name    string            `json:"name" maxLength:"100"`
	Type    string            `json:"type" maxLength:"20" doc:"bool, int, long, real, decimal, string, datetime, timespan, guid, dynamic or table"`
	Default string            `json:"default,omitempty" maxLength:"4000" doc:"a literal; such parameters come last"`
	Columns []ParameterColumn `json:"columns,omitempty" maxItems:"200" doc:"of a table; left out: any table"`
}

// ParameterColumn is a column that a table given to a function must have.
type ParameterColumn struct {
	Name string `json:"name" maxLength:"100"`
	Type string `json:"type" maxLength:"20"`
}

// Function is a function that queries may call by name.
type Function struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Kind        string      `json:"kind" enum:"builtin,shared,mine"`
	Folder      string      `json:"folder"`
	Description string      `json:"description"`
	Parameters  []Parameter `json:"parameters" nullable:"false"`
	Body        string      `json:"body"`
	Tabular     bool        `json:"tabular" doc:"it gives a table, otherwise a value"`
	Tables      []string    `json:"tables" nullable:"false" doc:"the tables that it reads by itself"`
	Owner       string      `json:"owner"`
	Mine        bool        `json:"mine"`
	Shared      bool        `json:"shared"`
	Created     *time.Time  `json:"createdTime,omitempty"`
	Modified    *time.Time  `json:"modifiedTime,omitempty"`
}

// FunctionDraft is what a function is made or replaced with.
type FunctionDraft struct {
	Name, Folder, Description, Body string
	Parameters                      []Parameter
	Shared                          bool
}

// Use is a query or rule that calls a function.
type Use struct {
	Kind  string `json:"kind" enum:"query,rule"`
	ID    string `json:"id,omitempty"` // empty for what the asker may not see
	Name  string `json:"name"`
	Owner string `json:"owner"`
}

type functionRow struct {
	bun.BaseModel `bun:"table:custom_functions"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	OwnerID       string     `bun:"owner_id"`
	Owner         string     `bun:"owner"`
	Name          string     `bun:"name"`
	Folder        string     `bun:"folder"`
	Description   string     `bun:"description"`
	Parameters    string     `bun:"parameters"`
	Body          string     `bun:"body"`
	Tables        string     `bun:"tables"`
	Tabular       int        `bun:"tabular"`
	Shared        int        `bun:"shared"`
	Created       state.Time `bun:"created"`
	Changed       state.Time `bun:"changed"`
}

func (r *functionRow) function(by Owner) Function {
	f := Function{
		ID: r.ID, Name: r.Name, Kind: "shared", Folder: r.Folder, Description: r.Description, Parameters: parametersOf(r.Parameters), Body: r.Body, Tabular: r.Tabular != 0,
		Tables: stringsOf(r.Tables), Owner: r.Owner, Mine: r.OwnerID == by.ID, Shared: r.Shared != 0, Created: &r.Created.Time, Modified: &r.Changed.Time,
	}
	if f.Mine && !f.Shared {
		f.Kind = "mine"
	}
	return f
}

func parametersOf(text string) []Parameter {
	out := []Parameter{}
	_ = json.Unmarshal([]byte(text), &out) // written by this package
	return out
}

func stringsOf(text string) []string {
	out := []string{}
	_ = json.Unmarshal([]byte(text), &out) // written by this package
	return out
}

func listText[T any](list []T) string {
	if list == nil {
		list = []T{}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(b)
}

func (r *functionRow) fill(d *FunctionDraft, c *checkedFunction) {
	r.Name, r.Folder, r.Description, r.Parameters, r.Body, r.Shared = d.Name, d.Folder, d.Description, listText(d.Parameters), d.Body, flag(d.Shared)
	r.Tables, r.Tabular, r.Changed = listText(c.tables), flag(c.tabular), state.At(time.Now())
}

// Functions gives the functions that a query of the owner's may call, as far as its text mentions them: the owner's own, and shared ones, of which the
// owner's own come first. An owner without an id (a rule, the command line) has shared ones only.
func (s *Service) Functions(ctx context.Context, id tenant.ID, by Owner, query string) ([]kql.StoredFunction, error) {
	var names []functionRow
	err := s.db.NewSelect().Model(&names).Column("id", "name", "owner_id", "shared").
		Where("tenant_id = ? AND (shared = 1 OR (owner_id = ? AND owner_id <> ''))", id, by.ID).Order("name", "created", "id").Scan(ctx)
	if err != nil {
		return nil, err
	}
	chosen := map[string]*functionRow{}
	for i := range names {
		n := &names[i]
		if !strings.Contains(query, n.Name) {
			continue
		}
		if have := chosen[n.Name]; have == nil || have.OwnerID != by.ID && n.OwnerID == by.ID {
			chosen[n.Name] = n
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	ids := make([]string, 0, len(chosen))
	for _, n := range chosen {
		ids = append(ids, n.ID)
	}
	var rows []functionRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND id IN (?)", id, bun.List(ids)).Order("name").Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]kql.StoredFunction, 0, len(rows))
	for i := range rows {
		out = append(out, kql.StoredFunction{Name: rows[i].Name, Text: literal(parametersOf(rows[i].Parameters), rows[i].Body)})
	}
	return out, nil
}

// ListFunctions lists what queries may call beside the functions of the language: the built-in functions of the security schema, the owner's own functions
// and those that others share, by kind, folder and name.
func (s *Service) ListFunctions(ctx context.Context, id tenant.ID, by Owner) ([]Function, error) {
	var rows []functionRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND (owner_id = ? OR shared = 1)", id, by.ID).Order("folder", "name", "id").Scan(ctx); err != nil {
		return nil, err
	}
	out := builtins()
	for i := range rows {
		out = append(out, rows[i].function(by))
	}
	return out, nil
}

// FindFunction gives one function of the owner's own or a shared one, with the queries that call it. Rules are known to the caller.
func (s *Service) FindFunction(ctx context.Context, id tenant.ID, by Owner, function string) (*Function, []Use, error) {
	row, err := s.functionRow(ctx, s.db, id, by, function)
	if err != nil {
		return nil, nil, err
	}
	uses, err := s.uses(ctx, s.db, id, by, row)
	f := row.function(by)
	return &f, uses, err
}

// functionRow reads a function that the owner may see.
func (s *Service) functionRow(ctx context.Context, db bun.IDB, id tenant.ID, by Owner, function string) (*functionRow, error) {
	row := new(functionRow)
	err := db.NewSelect().Model(row).Where("tenant_id = ? AND id = ? AND (owner_id = ? OR shared = 1)", id, function, by.ID).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.Newf(fault.NotFound, "there is no function %s", function)
	}
	return row, err
}

// uses finds the saved queries that call a function. Private ones of others are shown without what they are.
func (s *Service) uses(ctx context.Context, db bun.IDB, id tenant.ID, by Owner, f *functionRow) ([]Use, error) {
	var rows []savedRow
	q := db.NewSelect().Model(&rows).Where("tenant_id = ? AND query LIKE ? ESCAPE '!'", id, "%"+pattern(f.Name)+"%")
	if f.Shared == 0 {
		q = q.Where("owner_id = ?", f.OwnerID)
	}
	if err := q.Order("folder", "name", "id").Scan(ctx); err != nil {
		return nil, err
	}
	out := []Use{}
	for i := range rows {
		r := &rows[i]
		switch {
		case !Calls(r.Query, f.Name):
		case r.OwnerID == by.ID || r.Shared != 0:
			out = append(out, Use{"query", r.ID, r.Name, r.Owner})
		default:
			out = append(out, Use{"query", "", "a query of somebody else's", ""})
		}
	}
	return out, nil
}

// CreateFunction keeps a new function. visible says which tables its author may see; the body may read no others.
func (s *Service) CreateFunction(ctx context.Context, id tenant.ID, by Owner, d FunctionDraft, visible func(*schema.Table) bool) (*Function, error) {
	checked, err := s.checkFunction(ctx, id, by, &d, visible)
	if err != nil {
		return nil, err
	}
	row := &functionRow{Tenant: id, ID: ulid.Make().String(), OwnerID: by.ID, Owner: by.Name, Created: state.At(time.Now())}
	row.fill(&d, checked)
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*functionRow)(nil)).Where("tenant_id = ? AND owner_id = ?", id, by.ID).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxFunctions {
			return fault.Newf(fault.Limit, "you have %d functions, which is the most there can be; delete some", maxFunctions)
		}
		if err := nameFree(ctx, tx, id, by, row); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	f := row.function(by)
	return &f, nil
}

// nameFree refuses a name that the owner can call already, or, for a shared function, that others share.
func nameFree(ctx context.Context, tx bun.Tx, id tenant.ID, by Owner, row *functionRow) error {
	taken := new(functionRow)
	err := tx.NewSelect().Model(taken).Where("tenant_id = ? AND name = ? AND id <> ? AND (owner_id = ? OR shared = 1)", id, row.Name, row.ID, by.ID).Limit(1).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case taken.OwnerID == by.ID:
		return fault.Newf(fault.Conflict, "you already have a function %s", row.Name).On("name")
	}
	return fault.Newf(fault.Conflict, "%s shares a function %s already", taken.Owner, row.Name).On("name")
}

// ReplaceFunction changes a function of the owner's own. A function that is called somewhere (rules tells of those that the caller knows) keeps its name,
// stays shared, and reads no table that it did not read before: whoever uses it has not agreed to more.
func (s *Service) ReplaceFunction(ctx context.Context, id tenant.ID, by Owner, function string, d FunctionDraft, visible func(*schema.Table) bool, rules []Use) (*Function, error) {
	checked, err := s.checkFunction(ctx, id, by, &d, visible)
	if err != nil {
		return nil, err
	}
	var row *functionRow
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if row, err = s.functionRow(ctx, tx, id, by, function); err != nil {
			return err
		}
		if row.OwnerID != by.ID {
			return fault.Newf(fault.Permission, "the function belongs to %s; save a copy of your own", row.Owner)
		}
		uses, err := s.uses(ctx, tx, id, by, row)
		if err != nil {
			return err
		}
		if uses = append(uses, rules...); len(uses) > 0 {
			if err := keepsPromise(row, &d, checked, uses); err != nil {
				return err
			}
		}
		row.fill(&d, checked)
		if err := nameFree(ctx, tx, id, by, row); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model(row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	f := row.function(by)
	return &f, nil
}

func keepsPromise(row *functionRow, d *FunctionDraft, c *checkedFunction, uses []Use) error {
	refuse := func(target, format string, args ...any) error {
		e := fault.Newf(fault.Conflict, format, args...).On(target)
		e.Details = map[string]any{"usedBy": uses}
		return e
	}
	if d.Name != row.Name {
		return refuse("name", "%s() is used by %s and cannot be renamed; save it as a new function", row.Name, usedBy(uses))
	}
	if row.Shared != 0 && !d.Shared {
		return refuse("shared", "%s() is used by %s and has to stay shared", row.Name, usedBy(uses))
	}
	before := stringsOf(row.Tables)
	var more []string
	for _, t := range c.tables {
		if !slices.Contains(before, t) {
			more = append(more, t)
		}
	}
	if len(more) > 0 {
		return refuse("body", "%s() is used by %s and may not read more tables than before (%s); save it as a new function", row.Name, usedBy(uses), strings.Join(more, ", "))
	}
	return nil
}

// usedBy names the first users.
func usedBy(uses []Use) string {
	var names []string
	for i, u := range uses {
		if i == 3 {
			names = append(names, "others")
			break
		}
		names = append(names, strings.TrimSpace(u.Kind+" "+u.Name))
	}
	return strings.Join(names, ", ")
}

// DeleteFunction removes a function: one's own, or with manage also one that others share. One that is called somewhere goes only with force.
func (s *Service) DeleteFunction(ctx context.Context, id tenant.ID, by Owner, function string, manage, force bool, rules []Use) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := s.functionRow(ctx, tx, id, by, function)
		if err != nil {
			return err
		}
		if row.OwnerID != by.ID && !manage {
			return fault.Newf(fault.Permission, "the function belongs to %s; deleting it takes the permission to manage settings", row.Owner)
		}
		uses, err := s.uses(ctx, tx, id, by, row)
		if err != nil {
			return err
		}
		if uses = append(uses, rules...); len(uses) > 0 && !force {
			e := fault.Newf(fault.Conflict, "%s() is used by %s; delete it with force to break those", row.Name, usedBy(uses))
			e.Details = map[string]any{"usedBy": uses}
			return e
		}
		_, err = tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return err
	})
}
