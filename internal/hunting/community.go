package hunting

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Bounds of community queries.
const (
	MaxFiles     = 20_000 // files of one import
	maxCommunity = 50_000 // queries of one tenant
	maxRefusals  = 500    // that a report lists
	importBatch  = 200    // queries of one transaction
)

// CommunityQuery is a query out of an imported tree. Nobody changes it; importing the tree again does.
type CommunityQuery struct {
	ID          string   `json:"id"`
	Folder      string   `json:"folder"`
	Name        string   `json:"name"`
	Description string   `json:"description" doc:"in lists its beginning"`
	Tactics     []string `json:"tactics" nullable:"false"`
	Techniques  []string `json:"techniques" nullable:"false"`
	Connectors  []string `json:"connectors" nullable:"false" doc:"the data connectors that its author asks for"`
	Tables      []string `json:"tables" nullable:"false"`
	Source      string   `json:"source"`
	Path        string   `json:"path"`
	Issue       string   `json:"issue" doc:"why it cannot run here; empty when it can"`
	Query       string   `json:"query,omitempty" doc:"single queries only"`
}

// CommunityFilter says which queries are wanted.
type CommunityFilter struct {
	Search    string // words that all stand in name, folder, description, tables or techniques
	Folder    string // that folder and what is below it
	Source    string
	Runnable  bool // only those that can run here
	Top, Skip int
}

// ImportReport says what an import did.
type ImportReport struct {
	Files        int       `json:"files"`
	Queries      int       `json:"queries"`  // in those files
	Runnable     int       `json:"runnable"` // of them here
	Added        int       `json:"added"`
	Replaced     int       `json:"replaced"`
	Unchanged    int       `json:"unchanged"`
	Removed      int       `json:"removed"`
	Skipped      int       `json:"skipped"` // files without a query
	Refused      []Refusal `json:"refused" nullable:"false"`
	RefusedCount int       `json:"refusedCount"`
}

func (r *ImportReport) refuse(x Refusal) {
	r.RefusedCount++
	if len(r.Refused) < maxRefusals {
		r.Refused = append(r.Refused, x)
	}
}

// Add sums reports of parts of one import.
func (r *ImportReport) Add(o ImportReport) {
	r.Files += o.Files
	r.Queries += o.Queries
	r.Runnable += o.Runnable
	r.Added += o.Added
	r.Replaced += o.Replaced
	r.Unchanged += o.Unchanged
	r.Removed += o.Removed
	r.Skipped += o.Skipped
	r.RefusedCount += o.RefusedCount
	r.Refused = append(r.Refused, o.Refused[:min(len(o.Refused), max(0, maxRefusals-len(r.Refused)))]...)
}

type communityRow struct {
	bun.BaseModel `bun:"table:community_queries"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	Source        string     `bun:"source"`
	Path          string     `bun:"path"`
	N             int64      `bun:"n"`
	Folder        string     `bun:"folder"`
	Name          string     `bun:"name"`
	Description   string     `bun:"description"`
	Tactics       string     `bun:"tactics"`
	Techniques    string     `bun:"techniques"`
	Connectors    string     `bun:"connectors"`
	Tables        string     `bun:"tables"`
	Issue         string     `bun:"issue"`
	Query         string     `bun:"query"`
	Content       string     `bun:"content"`
	Search        string     `bun:"search"`
	Changed       state.Time `bun:"changed"`
}

func (r *communityRow) query() CommunityQuery {
	return CommunityQuery{
		ID: r.ID, Folder: r.Folder, Name: r.Name, Description: r.Description, Tactics: stringsOf(r.Tactics), Techniques: stringsOf(r.Techniques), Connectors: stringsOf(r.Connectors),
		Tables: stringsOf(r.Tables), Source: r.Source, Path: r.Path, Issue: r.Issue, Query: r.Query,
	}
}

// CheckSource refuses names of sources that cannot be told apart or shown.
func CheckSource(source string) error {
	if strings.TrimSpace(source) == "" || strings.TrimSpace(source) != source {
		return fault.Newf(fault.Invalid, "a source of queries needs a name").On("source")
	}
	return texts(field{"source", source, maxName})
}

// Paths are those of files, for ImportCommunity of a whole tree.
func Paths(files []File) []string {
	out := make([]string, 0, len(files))
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

// ImportCommunity keeps the queries of files under the name of their source. Queries that are there already and did not change stay as they are. whole, when
// it is not nil, names all files of the source, of which those given may be a part: what the source had elsewhere is removed. One bad file costs nothing but
// itself.
func (s *Service) ImportCommunity(ctx context.Context, id tenant.ID, source string, files []File, whole []string) (ImportReport, error) {
	report := ImportReport{Refused: []Refusal{}}
	if err := CheckSource(source); err != nil {
		return report, err
	}
	if len(files) > MaxFiles {
		return report, fault.Newf(fault.TooLarge, "%d files are more than one import takes (%d)", len(files), MaxFiles).On("files")
	}
	known, total, err := s.known(ctx, id, source)
	if err != nil {
		return report, err
	}
	stamp := schemaStamp()
	own, err := s.custom(ctx, id)
	if err != nil {
		return report, err
	}
	catalog := lake.Catalog(schema.Load(), nil, own...)
	var fresh []*communityRow
	flush := func() error {
		err := s.store(ctx, id, fresh)
		fresh = fresh[:0]
		return err
	}
	seen := map[string]bool{}
	for _, f := range files {
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Files++
		place, err := treePath(f.Path)
		if err != nil {
			report.refuse(Refusal{Path: short(f.Path, 400), Code: string(fault.Invalid), Message: err.Error()})
			continue
		}
		found, err := readFile(File{Path: place, Text: f.Text})
		if errors.Is(err, errNothing) {
			report.Skipped++
			continue
		}
		if err != nil {
			report.refuse(refusal(place, err))
			continue
		}
		for n, p := range found {
			if len(p.query) > MaxQuery {
				report.refuse(Refusal{place, string(fault.TooLarge), fmt.Sprintf("the query has more than %d bytes", MaxQuery), p.line})
				continue
			}
			row := rowOf(id, source, place, n, p, stamp)
			if seen[row.ID] {
				report.refuse(Refusal{place, string(fault.Conflict), "the import names this file twice", p.line})
				break
			}
			seen[row.ID] = true
			report.Queries++
			old, there := known[row.ID]
			if there && old.Content == row.Content {
				report.Unchanged++
				if old.Issue == "" {
					report.Runnable++
				}
				continue
			}
			if !there && total >= maxCommunity {
				report.refuse(Refusal{place, string(fault.Limit), fmt.Sprintf("there are %d community queries already, which is the most there can be", maxCommunity), p.line})
				continue
			}
			row.compile(catalog)
			if row.Issue == "" {
				report.Runnable++
			}
			if there {
				report.Replaced++
			} else {
				report.Added++
				total++
			}
			if fresh = append(fresh, row); len(fresh) == importBatch {
				if err := flush(); err != nil {
					return report, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return report, err
	}
	removed := gone(known, seen, files, whole)
	report.Removed = len(removed)
	for part := range slices.Chunk(removed, importBatch) {
		if _, err := s.db.NewDelete().Model((*communityRow)(nil)).Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Exec(ctx); err != nil {
			return report, err
		}
	}
	return report, nil
}

// gone lists what a source had and has no more: queries of the given files that those do not hold now, and of files that are not among all.
func gone(known map[string]communityRow, seen map[string]bool, files []File, all []string) []string {
	given, there := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		if p, err := treePath(f.Path); err == nil {
			given[p] = true
		}
	}
	for _, path := range all {
		if p, err := treePath(path); err == nil {
			there[p] = true
		}
	}
	var out []string
	for id, r := range known {
		if !seen[id] && (given[r.Path] || all != nil && !there[r.Path]) {
			out = append(out, id)
		}
	}
	return out
}

func refusal(place string, err error) Refusal {
	r := Refusal{Path: place, Code: string(fault.Invalid), Message: err.Error()}
	var at *lineError
	if errors.As(err, &at) {
		r.Line = at.line
	}
	return r
}

// treePath tidies the path of a file below the root of its tree.
func treePath(p string) (string, error) {
	if err := texts(field{"path", p, 400}); err != nil {
		return "", err
	}
	clean := folderPath(p)
	if clean == "" {
		return "", errors.New("the file has no name")
	}
	return clean, nil
}

// known reads what a source has, and how many queries the tenant has.
func (s *Service) known(ctx context.Context, id tenant.ID, source string) (map[string]communityRow, int, error) {
	var rows []communityRow
	if err := s.db.NewSelect().Model(&rows).Column("id", "path", "content", "issue").Where("tenant_id = ? AND source = ?", id, source).Scan(ctx); err != nil {
		return nil, 0, err
	}
	total, err := s.db.NewSelect().Model((*communityRow)(nil)).Where("tenant_id = ?", id).Count(ctx)
	out := make(map[string]communityRow, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, int(total), err
}

func (s *Service) store(ctx context.Context, id tenant.ID, rows []*communityRow) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*communityRow)(nil)).Where("tenant_id = ? AND id IN (?)", id, bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
}

// schemaStamp changes when tables or columns do, so that whether a query runs is looked at anew.
func schemaStamp() string {
	h := sha256.New()
	for _, t := range schema.Load().Tables() {
		h.Write([]byte(t.Name + "\n"))
		for _, c := range t.Columns {
			h.Write([]byte(c.Name + ":" + string(c.Type) + "\n"))
		}
	}
	for _, f := range kql.Functions() {
		h.Write([]byte(f.Name + "()\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func rowOf(id tenant.ID, source, place string, n int, p parsed, stamp string) *communityRow {
	digest := func(parts ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		return hex.EncodeToString(sum[:12])
	}
	folder := path.Dir(place)
	if folder == "." {
		folder = ""
	}
	r := &communityRow{
		Tenant: id, ID: digest(source, place, fmt.Sprint(n)), Source: source, Path: place, N: int64(n), Folder: folder, Name: characters(strings.Join(strings.Fields(p.name), " "), maxName),
		Description: characters(strings.TrimSpace(p.description), maxCommunityRow), Tactics: listText(bounded(p.tactics, maxTactics)), Techniques: listText(bounded(p.techniques, maxTechniques)),
		Connectors: listText(bounded(p.connector, maxConnectors)), Tables: "[]", Query: strings.TrimSpace(p.query), Changed: state.At(time.Now()),
	}
	if r.Name == "" {
		r.Name = nameOf(place)
	}
	r.Content = digest(stamp, r.Name, r.Description, r.Tactics, r.Techniques, r.Connectors, r.Query)
	return r
}

func bounded(list []string, most int) []string {
	list = list[:min(len(list), most)]
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, short(x, 100))
	}
	return out
}

// characters cuts a text to at most n characters.
func characters(s string, n int) string {
	if len(s) <= n {
		return short(s, n)
	}
	r := []rune(s)
	return short(string(r[:min(n, len(r))]), len(s))
}

// compile finds the tables that a query reads and what keeps it from running here.
func (r *communityRow) compile(catalog kql.Catalog) {
	var tables []string
	program, err := kql.Compile(r.Query, catalog, kql.Options{Now: time.Now()})
	switch {
	case err == nil:
		plan.Walk(program.Root, func(n plan.Node) {
			if s, ok := n.(*plan.Scan); ok && !slices.Contains(tables, s.Table) {
				tables = append(tables, s.Table)
			}
		})
	default:
		r.Issue = "line 1: " + err.Error()
		var e *kql.Error
		if errors.As(err, &e) {
			r.Issue = short(fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message), 500)
		}
		tables = mentioned(r.Query, catalog)
	}
	slices.Sort(tables)
	r.Tables = listText(tables[:min(len(tables), 100)])
	r.Search = short(strings.ToLower(strings.Join([]string{r.Name, r.Folder, r.Source, r.Tactics, r.Techniques, r.Tables, r.Description}, " ")), 8000)
}

// listDescription is how much of a description a list shows.
const listDescription = 300

func (f *CommunityFilter) where(id tenant.ID, q *bun.SelectQuery) *bun.SelectQuery {
	q = q.Where("tenant_id = ?", id)
	if f.Folder != "" {
		q = q.Where("(folder = ? OR folder LIKE ? ESCAPE '!')", f.Folder, pattern(f.Folder)+"/%")
	}
	if f.Source != "" {
		q = q.Where("source = ?", f.Source)
	}
	if f.Runnable {
		q = q.Where("issue = ''")
	}
	for _, word := range strings.Fields(strings.ToLower(f.Search)) {
		q = q.Where("search LIKE ? ESCAPE '!'", "%"+pattern(word)+"%")
	}
	return q
}

// Community lists imported queries by folder and name, without their texts, and how many there are over all pages.
func (s *Service) Community(ctx context.Context, id tenant.ID, f CommunityFilter) ([]CommunityQuery, int64, error) {
	n, err := f.where(id, s.db.NewSelect().Model((*communityRow)(nil))).Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []communityRow
	err = f.where(id, s.db.NewSelect().Model(&rows)).ColumnExpr("id, source, path, folder, name, tactics, techniques, connectors, tables, issue").
		ColumnExpr("SUBSTR(description, 1, ?) AS description", listDescription).Order("folder", "name", "id").Limit(int64(f.Top)).Offset(int64(f.Skip)).Scan(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]CommunityQuery, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].query())
	}
	return out, int64(n), nil
}

// CommunityFolder is a folder of imported queries.
type CommunityFolder struct {
	Source  string `json:"source" bun:"source"`
	Folder  string `json:"folder" bun:"folder"`
	Queries int64  `json:"queries" bun:"queries"` // directly in it
}

// CommunityFolders lists the folders that hold queries, by source and path.
func (s *Service) CommunityFolders(ctx context.Context, id tenant.ID) ([]CommunityFolder, error) {
	out := []CommunityFolder{}
	err := s.db.NewSelect().Model((*communityRow)(nil)).ColumnExpr("source, folder, COUNT(*) AS queries").Where("tenant_id = ?", id).
		GroupExpr("source, folder").OrderExpr("source, folder").Scan(ctx, &out)
	return out, err
}

// FindCommunity gives one imported query with its text.
func (s *Service) FindCommunity(ctx context.Context, id tenant.ID, query string) (*CommunityQuery, error) {
	row := new(communityRow)
	err := s.db.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, query).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.Newf(fault.NotFound, "there is no community query %s", query)
	}
	if err != nil {
		return nil, err
	}
	q := row.query()
	return &q, nil
}

// RemoveCommunity deletes everything of a source and says how many queries that were.
func (s *Service) RemoveCommunity(ctx context.Context, id tenant.ID, source string) (int64, error) {
	res, err := s.db.NewDelete().Model((*communityRow)(nil)).Where("tenant_id = ? AND source = ?", id, source).Exec(ctx)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = fault.Newf(fault.NotFound, "there are no queries of a source %q", source)
	}
	return n, err
}
