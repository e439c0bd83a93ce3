// Package backup copies everything an installation keeps into a folder, while it runs or while it does not, and puts such a folder back.
//
// The copy is consistent in the sense that counts: the lakes are copied first, each at one position of its source; then the state; then the records on the bus
// that the copied lakes do not yet have; then the blobs. After a restore the lakes go on at their positions, so no acknowledged record is missing and none is
// doubled, and alerts that the state already has are recognised by their hits.
//
// Layout of the folder: manifest.json (format, version, tenants with positions, every file with size and SHA-256), state.db or state.ndjson.gz, lake/TENANT.duckdb
// or lake/TENANT.rows.zst, bus/TENANT.ndjson.gz, blobs/…, content/….
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Format is the version of the folder's layout.
const Format = 1

// ManifestName is the file that says what a backup holds; it is written last, so a folder without it is not a backup.
const ManifestName = "manifest.json"

// BusSource is the name under which lakes keep how far they have read the bus.
const BusSource = "bus"

// Lake is a tenant's lake that can be copied while it is open: a DuckDB file (.duckdb, perhaps with .duckdb.wal), or the rows of another engine (.rows.zst).
type Lake interface {
	Tenant() tenant.ID
	// CopyTo adds the ending to the path.
	CopyTo(ctx context.Context, path string) (positions map[string]int64, err error)
}

// Parts are what is copied.
type Parts struct {
	DB       *bun.DB // the state database …
	Location string  // … and where it is: a file, or the URL of a PostgreSQL server
	Lakes    []Lake
	Bus      *bus.Bus
	Blobs    string // folders; those that do not exist are left out
	Content  string
	Version  string
}

// Manifest says what a backup holds.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	State   string    `json:"state"` // sqlite or postgres
	Tenants []Tenant  `json:"tenants"`
	Secrets string    `json:"secrets,omitempty"` // what it takes to open the sealed secrets of connectors, if there are any
	Files   []File    `json:"files"`
}

// Tenant is a tenant of a backup.
type Tenant struct {
	ID       tenant.ID `json:"id"`
	Position uint64    `json:"position"` // of the bus, in the copied lake
	Waiting  int       `json:"waiting"`  // messages of the bus that the lake does not have
}

// File is a file of a backup.
type File struct {
	Path   string `json:"path"` // with slashes, relative to the folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Write copies the parts into the folder, which must exist and be empty.
func Write(ctx context.Context, p Parts, folder string) (*Manifest, error) {
	if err := mustBeEmpty(folder); err != nil {
		return nil, err
	}
	release := p.Bus.Hold()
	defer release()
	m := &Manifest{Format: Format, Version: p.Version, Created: time.Now().UTC().Truncate(time.Second), State: "sqlite"}
	if err := os.MkdirAll(filepath.Join(folder, "lake"), 0o700); err != nil {
		return nil, err
	}
	for _, l := range p.Lakes {
		positions, err := l.CopyTo(ctx, filepath.Join(folder, "lake", string(l.Tenant())))
		if err != nil {
			return nil, err
		}
		m.Tenants = append(m.Tenants, Tenant{ID: l.Tenant(), Position: uint64(max(positions[BusSource], 0))})
	}
	if state.IsPostgres(p.Location) {
		m.State = "postgres"
		if err := dump(ctx, p.DB, filepath.Join(folder, dumpName)); err != nil {
			return nil, fmt.Errorf("state database: %w", err)
		}
	} else if _, err := p.DB.NewRaw("VACUUM INTO ?", filepath.Join(folder, stateName)).Exec(ctx); err != nil {
		return nil, fmt.Errorf("state database: %w", err)
	}
	for i := range m.Tenants {
		n, err := saveBus(ctx, p.Bus, m.Tenants[i].ID, m.Tenants[i].Position, folder)
		if err != nil {
			return nil, err
		}
		m.Tenants[i].Waiting = n
	}
	for name, from := range map[string]string{"blobs": p.Blobs, "content": p.Content} {
		if err := copyTree(ctx, filepath.Join(folder, name), from); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if some, err := p.DB.NewSelect().Table("secrets").Exists(ctx); err != nil {
		return nil, err
	} else if some {
		m.Secrets = "sealed; their key is not part of the backup: keep a copy of secrets.key in the data folder, or of what the settings secrets.key and secrets.key-file name"
	}
	return m, m.seal(ctx, folder)
}

const (
	stateName = "state.db"
	dumpName  = "state.ndjson.gz"
)

func mustBeEmpty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fault.Newf(fault.Invalid, "the backup folder %s cannot be read: %w", folder, err)
	}
	if len(entries) > 0 {
		return fault.Newf(fault.Conflict, "the backup folder %s is not empty", folder)
	}
	return nil
}

// seal lists the folder's files with their hashes and writes the manifest.
func (m *Manifest) seal(ctx context.Context, folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		size, sum, err := digest(ctx, path)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, File{Path: filepath.ToSlash(rel), Size: size, SHA256: sum})
		return nil
	})
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, ManifestName), append(raw, '\n'), 0o600)
}

func digest(ctx context.Context, path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, f})
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Read returns the manifest of a backup after checking that its files are all there and unchanged.
func Read(ctx context.Context, folder string) (*Manifest, error) {
	raw, err := os.ReadFile(filepath.Join(folder, ManifestName))
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s is not a backup: %w", folder, err)
	}
	m := new(Manifest)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fault.Newf(fault.Invalid, "%s is not a backup: its manifest is damaged: %w", folder, err)
	}
	if m.Format != Format {
		return nil, fault.Newf(fault.Invalid, "%s has the format %d; this program reads format %d", folder, m.Format, Format)
	}
	for _, t := range m.Tenants {
		if _, err := tenant.Parse(string(t.ID)); err != nil {
			return nil, err
		}
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return nil, fault.Newf(fault.Invalid, "the manifest of %s names %q, which is outside", folder, f.Path)
		}
		size, sum, err := digest(ctx, filepath.Join(folder, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "the backup %s is not whole: %w", folder, err)
		}
		if size != f.Size || sum != f.SHA256 {
			return nil, fault.Newf(fault.Invalid, "the backup %s is not whole: %s was changed", folder, f.Path)
		}
	}
	return m, nil
}

// Target is where a backup goes: paths of an empty data folder, and the state database's location when it is not in there.
type Target struct {
	StateFile string // SQLite file to make
	Postgres  string // URL; then StateFile is not used
	// Lake is where a DuckDB file belongs; nil refuses such files, as the lakes are kept elsewhere.
	Lake func(id tenant.ID) string
	// Rows puts the rows of a lake of another engine into the tenant's new lake.
	Rows    func(ctx context.Context, id tenant.ID, from io.Reader) error
	Blobs   string
	Content string
	Bus     *bus.Bus
}

// Restore puts a backup that Read has checked into an empty target.
func Restore(ctx context.Context, m *Manifest, folder string, t Target) error {
	if (m.State == "postgres") != (t.Postgres != "") {
		return fault.Newf(fault.Invalid, "the backup holds a %s state database; set the setting state accordingly", m.State)
	}
	for _, f := range m.Files {
		if strings.HasPrefix(f.Path, "lake/") && strings.Contains(f.Path, ".duckdb") && t.Lake == nil {
			return fault.Newf(fault.Invalid, "the backup holds lakes as DuckDB files, but lake.url keeps them on a server: restore without lake.url, or import the records again")
		}
	}
	for _, f := range m.Files {
		from := filepath.Join(folder, filepath.FromSlash(f.Path))
		top, rest, _ := strings.Cut(f.Path, "/")
		var to string
		switch {
		case f.Path == stateName:
			to = t.StateFile
		case top == "lake" && strings.HasSuffix(rest, rowsSuffix):
			if err := loadRows(ctx, t, strings.TrimSuffix(rest, rowsSuffix), from); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			continue
		case top == "lake":
			id, suffix, _ := strings.Cut(rest, ".duckdb")
			if _, err := tenant.Parse(id); err != nil || suffix != "" && suffix != ".wal" {
				return fault.Newf(fault.Invalid, "the backup holds %s, which is no lake", f.Path)
			}
			to = t.Lake(tenant.ID(id)) + suffix
		case top == "blobs":
			to = filepath.Join(t.Blobs, filepath.FromSlash(rest))
		case top == "content":
			to = filepath.Join(t.Content, filepath.FromSlash(rest))
		default:
			continue
		}
		if err := copyFile(ctx, to, from); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if t.Postgres != "" {
		if err := load(ctx, t.Postgres, filepath.Join(folder, dumpName)); err != nil {
			return fmt.Errorf("state database: %w", err)
		}
	}
	for _, x := range m.Tenants {
		if err := restoreBus(ctx, t.Bus, x, folder); err != nil {
			return fmt.Errorf("bus of tenant %s: %w", x.ID, err)
		}
	}
	return nil
}

// rowsSuffix ends the names of files with a lake's rows.
const rowsSuffix = ".rows.zst"

func loadRows(ctx context.Context, t Target, name, from string) error {
	id, err := tenant.Parse(name)
	if err != nil || t.Rows == nil {
		return fault.Newf(fault.Invalid, "there is no lake for it")
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.Rows(ctx, id, reader{ctx, f})
}

func copyTree(ctx context.Context, to, from string) error {
	if _, err := os.Stat(from); from == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil // removed while we looked
			}
			return err
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "fileblob") {
			return nil // folders are made as needed; the blob store's unfinished objects are not part of it
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		err = copyFile(ctx, filepath.Join(to, rel), path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
}

func copyFile(ctx context.Context, to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, reader{ctx, in}); err != nil {
		_ = out.Close()
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}
