package secret

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Store keeps sealed values in the state database.
type Store struct {
	db   *bun.DB
	ring *Ring
}

// New returns the store.
func New(db *bun.DB, ring *Ring) *Store { return &Store{db: db, ring: ring} }

// Place says where the key is, for people.
func (s *Store) Place() string { return s.ring.Place() }

type keyRow struct {
	bun.BaseModel `bun:"table:secret_keys"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	Master        string     `bun:"master"`
	Wrapped       string     `bun:"wrapped"`
	Created       state.Time `bun:"created"`
}

type secretRow struct {
	bun.BaseModel `bun:"table:secrets"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Owner         string     `bun:"owner,pk"`
	Name          string     `bun:"name,pk"`
	KeyID         string     `bun:"key_id"`
	Sealed        string     `bun:"sealed"`
	Changed       state.Time `bun:"changed"`
}

func (r *secretRow) bound() []byte {
	return bind("secret", string(r.Tenant), r.Owner, r.Name, r.KeyID)
}

func (r *keyRow) bound() []byte { return bind("data key", string(r.Tenant), r.ID, r.Master) }

// MaxValue bounds a secret in bytes; key files of services have a few thousand.
const MaxValue = 64 << 10

// Set seals a value in place of the one that is there. db is the database or the transaction of the change it belongs to.
func (s *Store) Set(ctx context.Context, db bun.IDB, id tenant.ID, owner, name, value string) error {
	if len(value) > MaxValue {
		return fault.Newf(fault.TooLarge, "a secret has at most %d bytes", MaxValue).On(name)
	}
	keyID, key, err := s.sealingKey(ctx, db, id)
	if err != nil {
		return err
	}
	row := &secretRow{Tenant: id, Owner: owner, Name: name, KeyID: keyID, Changed: state.At(time.Now())}
	if row.Sealed, err = seal(key, []byte(value), row.bound()); err != nil {
		return err
	}
	_, err = db.NewInsert().Model(row).On("CONFLICT (tenant_id, owner, name) DO UPDATE").
		Set("key_id = EXCLUDED.key_id").Set("sealed = EXCLUDED.sealed").Set("changed = EXCLUDED.changed").Exec(ctx)
	return err
}

// sealingKey is the tenant's newest data key; the first use makes one.
func (s *Store) sealingKey(ctx context.Context, db bun.IDB, id tenant.ID) (string, []byte, error) {
	row := new(keyRow)
	err := db.NewSelect().Model(row).Where("tenant_id = ?", id).Order("id DESC").Limit(1).Scan(ctx)
	if err == nil {
		key, err := s.unwrap(row)
		return row.ID, key, err
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", nil, err
	}
	return s.makeKey(ctx, db, id)
}

func (s *Store) makeKey(ctx context.Context, db bun.IDB, id tenant.ID) (string, []byte, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return "", nil, err
	}
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails
	row := &keyRow{Tenant: id, ID: ulid.Make().String(), Created: state.At(time.Now())}
	if err := s.wrap(row, key); err != nil {
		return "", nil, err
	}
	_, err := db.NewInsert().Model(row).Exec(ctx)
	return row.ID, key, err
}

func (s *Store) wrap(row *keyRow, key []byte) (err error) {
	master := s.ring.current()
	row.Master = master.id
	row.Wrapped, err = seal(master.key, key, row.bound())
	return err
}

func (s *Store) unwrap(row *keyRow) ([]byte, error) {
	master, err := s.ring.find(row.Master)
	if err != nil {
		return nil, err
	}
	key, err := unseal(master.key, row.Wrapped, row.bound())
	if err != nil {
		return nil, fault.Newf(fault.Conflict, "the data key %s of tenant %s does not open: %w", row.ID, row.Tenant, err)
	}
	return key, nil
}

// All opens the owner's values by name.
func (s *Store) All(ctx context.Context, id tenant.ID, owner string) (map[string]string, error) {
	var rows []secretRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND owner = ?", id, owner).Scan(ctx); err != nil {
		return nil, err
	}
	out := map[string]string{}
	keys := map[string][]byte{}
	for i := range rows {
		value, err := s.open(ctx, s.db, &rows[i], keys)
		if err != nil {
			return nil, err
		}
		out[rows[i].Name] = string(value)
	}
	return out, nil
}

func (s *Store) open(ctx context.Context, db bun.IDB, row *secretRow, keys map[string][]byte) ([]byte, error) {
	key, ok := keys[row.KeyID]
	if !ok {
		k := new(keyRow)
		err := db.NewSelect().Model(k).Where("tenant_id = ? AND id = ?", row.Tenant, row.KeyID).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, fault.Newf(fault.Conflict, "the data key of the secret %s of %s is gone: give the secret again", row.Name, row.Owner).On(row.Name)
		}
		if err != nil {
			return nil, err
		}
		if key, err = s.unwrap(k); err != nil {
			return nil, err
		}
		keys[row.KeyID] = key
	}
	value, err := unseal(key, row.Sealed, row.bound())
	if err != nil {
		return nil, fault.Newf(fault.Conflict, "the secret %s of %s does not open: %w; give it again", row.Name, row.Owner, err).On(row.Name)
	}
	return value, nil
}

// Names tells which of the owners' values are there, without opening them.
func (s *Store) Names(ctx context.Context, id tenant.ID) (map[string][]string, error) {
	var rows []secretRow
	err := s.db.NewSelect().Model(&rows).Column("tenant_id", "owner", "name").Where("tenant_id = ?", id).Order("owner", "name").Scan(ctx)
	out := map[string][]string{}
	for _, r := range rows {
		out[r.Owner] = append(out[r.Owner], r.Name)
	}
	return out, err
}

// Delete forgets the owner's values: all of them, or the named ones.
func (s *Store) Delete(ctx context.Context, db bun.IDB, id tenant.ID, owner string, names ...string) error {
	q := db.NewDelete().Model((*secretRow)(nil)).Where("tenant_id = ? AND owner = ?", id, owner)
	if len(names) > 0 {
		q = q.Where("name IN (?)", bun.List(names))
	}
	_, err := q.Exec(ctx)
	return err
}

// Checked is what Check found.
type Checked struct{ Keys, Secrets int }

// Check opens everything that is sealed, of all tenants, and returns the first thing that does not open.
func (s *Store) Check(ctx context.Context) (Checked, error) {
	var out Checked
	var keys []keyRow
	if err := s.db.NewSelect().Model(&keys).Scan(ctx); err != nil {
		return out, err
	}
	for i := range keys {
		if _, err := s.unwrap(&keys[i]); err != nil {
			return out, err
		}
		out.Keys++
	}
	var rows []secretRow
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return out, err
	}
	opened := map[string][]byte{}
	for i := range rows {
		if _, err := s.open(ctx, s.db, &rows[i], opened); err != nil {
			return out, err
		}
		out.Secrets++
	}
	return out, nil
}

// Rotate makes a new master key and new data keys, and seals every value again. With a key file the new key is put into it before anything is sealed with it,
// and the old ones are taken out after nothing needs them any more. With the key in a setting, fresh is the key that the setting is to hold afterwards; until
// it does, secrets do not open.
func (s *Store) Rotate(ctx context.Context, fresh string) (Checked, error) {
	var out Checked
	if (fresh != "") != (s.ring.source.Key != "") {
		return out, fault.Newf(fault.Invalid, "a key that is in a setting is rotated with --to NEW-KEY-FILE, one in a file without")
	}
	if fresh == "" {
		fresh = NewKey()
	}
	next, err := parseKey(fresh)
	if err != nil {
		return out, fault.Newf(fault.Invalid, "the new key is not 32 bytes in base64; make one with: openssl rand -base64 32")
	}
	s.ring.mu.Lock()
	keys := append([]masterKey{next}, s.ring.keys...)
	if s.ring.source.Key == "" {
		if err := replaceKeyFile(s.ring.source.File, keys); err != nil {
			s.ring.mu.Unlock()
			return out, err
		}
	}
	s.ring.keys = keys
	s.ring.mu.Unlock()
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		out, err = s.reseal(ctx, tx)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("rotating secrets: %w", err)
	}
	s.ring.mu.Lock()
	defer s.ring.mu.Unlock()
	s.ring.keys = s.ring.keys[:1]
	if s.ring.source.Key == "" {
		return out, replaceKeyFile(s.ring.source.File, s.ring.keys)
	}
	return out, nil
}

// reseal gives each tenant a new data key, seals its values with that one, and drops the old keys.
func (s *Store) reseal(ctx context.Context, tx bun.Tx) (Checked, error) {
	var out Checked
	var old []keyRow
	if err := tx.NewSelect().Model(&old).Scan(ctx); err != nil {
		return out, err
	}
	opened := map[string][]byte{}
	fresh := map[tenant.ID]string{}
	sealing := map[tenant.ID][]byte{}
	for i := range old {
		id := old[i].Tenant
		if fresh[id] != "" {
			continue
		}
		var err error
		if fresh[id], sealing[id], err = s.makeKey(ctx, tx, id); err != nil {
			return out, err
		}
		out.Keys++
	}
	var rows []secretRow
	if err := tx.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return out, err
	}
	for i := range rows {
		r := &rows[i]
		value, err := s.open(ctx, tx, r, opened)
		if err != nil {
			return out, err
		}
		r.KeyID = fresh[r.Tenant]
		if r.Sealed, err = seal(sealing[r.Tenant], value, r.bound()); err != nil {
			return out, err
		}
		if _, err := tx.NewUpdate().Model(r).Column("key_id", "sealed").WherePK().Exec(ctx); err != nil {
			return out, err
		}
		out.Secrets++
	}
	for i := range old {
		if _, err := tx.NewDelete().Model(&old[i]).WherePK().Exec(ctx); err != nil {
			return out, err
		}
	}
	return out, nil
}
