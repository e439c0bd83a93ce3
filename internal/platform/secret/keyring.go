// Package secret keeps what the program has to know and nobody is to read: the credentials of connectors. Each tenant has a data key of its own (XChaCha20-
// Poly1305), which the master key wraps; the state database holds wrapped keys and sealed values only. A sealed value is bound to its tenant, owner and name,
// so that one that is copied to another place does not open there.
//
//	ring, err := secret.OpenRing(secret.Source{File: dir.SecretsKey(), Make: true})
//	store := secret.New(db, ring)
//	err = store.Set(ctx, db, "default", "connector/01H…", "clientSecret", "…")
//
// The master key is a line of 32 random bytes in base64, in a file of mode 0600 that the first start makes in the data folder, or in a setting. It is not part
// of a backup. A file may hold several keys: the first seals, all open, which is what lets Rotate be interrupted at any point.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Source says where the master key is.
type Source struct {
	Key  string // the key itself, in base64; stronger than File
	File string
	Make bool // make the file when there is none
}

// Ring holds the master keys. It is safe for concurrent use, and reads its file again when it is asked for a key that it does not have.
type Ring struct {
	source Source
	mu     sync.Mutex
	keys   []masterKey // the first one seals
}

type masterKey struct {
	id  string
	key []byte
}

// OpenRing reads the master key. Errors carry fault.Invalid and say what to do.
func OpenRing(s Source) (*Ring, error) {
	r := &Ring{source: s}
	if s.Key == "" && s.Make {
		if err := makeKeyFile(s.File); err != nil {
			return nil, err
		}
	}
	return r, r.load()
}

// Place says where the key is, for people.
func (r *Ring) Place() string {
	if r.source.Key != "" {
		return "the setting secrets.key"
	}
	return r.source.File
}

func (r *Ring) load() error {
	text := r.source.Key
	if text == "" {
		raw, err := os.ReadFile(r.source.File)
		if err != nil {
			return fault.Newf(fault.Invalid, "the key of secrets cannot be read: %w; put it back, or give the secrets of all connectors again after removing them", err).On("secrets.key-file")
		}
		text = string(raw)
	}
	var keys []masterKey
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			return fault.Newf(fault.Invalid, "%s does not hold a key of 32 bytes in base64 on each line; make one with: openssl rand -base64 32", r.Place()).On("secrets.key")
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return fault.Newf(fault.Invalid, "%s holds no key", r.Place()).On("secrets.key")
	}
	r.keys = keys
	return nil
}

func parseKey(line string) (masterKey, error) {
	raw, err := base64.StdEncoding.DecodeString(line)
	if err != nil || len(raw) != chacha20poly1305.KeySize {
		return masterKey{}, errors.New("not a key")
	}
	sum := sha256.Sum256(append([]byte("bartizan master key "), raw...))
	return masterKey{id: hex.EncodeToString(sum[:6]), key: raw}, nil
}

// NewKey returns a fresh key as a line of text.
func NewKey() string {
	raw := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(raw) // never fails
	return base64.StdEncoding.EncodeToString(raw)
}

// makeKeyFile writes a fresh key unless the file exists. Of two that make it at once, one wins and both use its key.
func makeKeyFile(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	tmp, err := writeTemp(path, NewKey()+"\n")
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fault.Newf(fault.Unavailable, "the key of secrets cannot be written: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func writeTemp(path, text string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-key-*") // mode 0600
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "the key of secrets cannot be written: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fault.Newf(fault.Unavailable, "the key of secrets cannot be written: %w", err)
	}
	return f.Name(), nil
}

// replaceKeyFile puts the keys into the file, all or nothing.
func replaceKeyFile(path string, keys []masterKey) error {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(k.key))
	}
	tmp, err := writeTemp(path, b.String())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return fault.Newf(fault.Unavailable, "the key of secrets cannot be written: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not every system syncs folders
	return nil
}

// current returns the key that seals.
func (r *Ring) current() masterKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[0]
}

// find returns the key of that id, after a second look at its source when it is new.
func (r *Ring) find(id string) (masterKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 2 {
		for _, k := range r.keys {
			if k.id == id {
				return k, nil
			}
		}
		if err := r.load(); err != nil {
			return masterKey{}, err
		}
	}
	return masterKey{}, fault.Newf(fault.Conflict, "secrets were sealed with the key %s, which is not in %s: put the key file of that time back, or give the secrets again", id, r.Place()).On("secrets.key")
}

func seal(key, plain, bound []byte) (string, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, bound)), nil
}

var errSealed = errors.New("the value was changed, or belongs elsewhere")

func unseal(key []byte, sealed string, bound []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < chacha20poly1305.NonceSizeX {
		return nil, errSealed
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, raw[:chacha20poly1305.NonceSizeX], raw[chacha20poly1305.NonceSizeX:], bound)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// bind joins names so that no two lists of names give the same bytes.
func bind(parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s", len(p), p)
	}
	return []byte(b.String())
}
