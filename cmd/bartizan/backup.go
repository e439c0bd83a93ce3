package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/backup"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newBackup() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy everything into a new folder",
		Long: `Backup writes a consistent copy of the state, the lakes, the records that are still on the bus, the blobs and your own content into DIR, which must not exist or be
empty. It opens the data folder itself, or asks a running server for the copy (--server, with a token of the scope admin); the server goes on meanwhile.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return fault.Newf(fault.Invalid, "the backup folder cannot be made: %w", err)
			}
			m, err := makeBackup(cmd.Context(), target, dir)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, m, func(t *tabwriter.Writer) { describeBackup(t, "the backup is in "+dir, m) })
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the backup's manifest as one JSON document on standard output")
	return cmd
}

func describeBackup(w io.Writer, what string, m *backup.Manifest) {
	var bytes uint64
	for _, f := range m.Files {
		bytes += uint64(max(f.Size, 0))
	}
	fmt.Fprintf(w, "%s: %d tenants, %d files, %s\n", what, len(m.Tenants), len(m.Files), humanize.IBytes(bytes))
	if m.Secrets != "" {
		fmt.Fprintf(w, "secrets of connectors are %s\n", m.Secrets)
	}
	for _, t := range m.Tenants {
		if t.Waiting > 0 {
			fmt.Fprintf(w, "tenant %s: %d messages were on their way into the lake and are part of it\n", t.ID, t.Waiting)
		}
	}
}

func makeBackup(ctx context.Context, target targetFlags, dir string) (*backup.Manifest, error) {
	if target.server != "" {
		c, err := target.client()
		if err != nil {
			return nil, err
		}
		if err := downloadBackup(ctx, c, dir); err != nil {
			return nil, err
		}
		return backup.Read(ctx, dir)
	}
	n, err := openNode(ctx, target, "backup")
	if err != nil {
		return nil, err
	}
	defer n.Close()
	b, err := bus.Open(ctx, bus.Options{URL: n.cfg.Bus.URL, Dir: n.dir.Bus(), MaxBytes: uint64(n.cfg.Bus.MaxBytes), Log: n.log})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return n.backup(ctx, b, dir)
}

// backup copies everything the node keeps into the folder.
func (n *node) backup(ctx context.Context, b *bus.Bus, folder string) (*backup.Manifest, error) {
	p := backup.Parts{DB: n.db, Location: n.stateLocation(), Bus: b, Blobs: n.dir.Blobs(), Content: n.cfg.Content.Folder, Version: version}
	if p.Content == "" {
		p.Content = n.dir.Content()
	}
	tenants, err := n.access.AllTenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range tenants {
		store, err := n.lakes.Open(ctx, id)
		if err != nil {
			return nil, err
		}
		l, ok := store.(backup.Lake)
		if !ok {
			return nil, fault.Newf(fault.Invalid, "the lake of tenant %s is kept by a program that this one cannot copy; back it up with that program's means", id)
		}
		p.Lakes = append(p.Lakes, l)
	}
	return backup.Write(ctx, p, folder)
}

func (n *node) stateLocation() string {
	if n.cfg.State != "" {
		return n.cfg.State
	}
	return n.dir.State()
}

// Backup implements api.System.
func (s *server) Backup(ctx context.Context, folder string) error {
	_, err := s.backup(ctx, s.bus, folder)
	return err
}

// downloadBackup unpacks the server's copy into the folder.
func downloadBackup(ctx context.Context, c *client, dir string) error {
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return errors.Join(err, fault.Newf(fault.Conflict, "the backup folder %s is not empty", dir))
	}
	resp, err := c.send(ctx, http.MethodPost, "/api/backups", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := tar.NewReader(resp.Body)
	for {
		head, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.Newf(fault.Unavailable, "the backup broke off: %w", err)
		}
		if head.Typeflag != tar.TypeReg || !filepath.IsLocal(filepath.FromSlash(head.Name)) {
			return fault.Newf(fault.Invalid, "the server's backup holds %q, which does not belong there", head.Name)
		}
		if err := unpack(filepath.Join(dir, filepath.FromSlash(head.Name)), in); err != nil {
			return fault.Newf(fault.Unavailable, "the backup broke off at %s: %w", head.Name, err)
		}
	}
}

func unpack(path string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}

func newRestore() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Put a backup into an empty data folder",
		Long:  "Restore checks that the backup in DIR is whole and puts it into the data folder, which must not hold anything yet. No server may run on it.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := backup.Read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := restoreInto(cmd.Context(), m, args[0], data); err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, m, func(t *tabwriter.Writer) { describeBackup(t, "restored into "+data, m) })
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "data folder to fill (default $BARTIZAN_DATA, else ./data)")
	cmd.Flags().Lookup("data").DefValue = ""
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the backup's manifest as one JSON document on standard output")
	return cmd
}

func restoreInto(ctx context.Context, m *backup.Manifest, from, data string) error {
	cfg, err := loadConfig()
	if err != nil {
		return err
	}
	dir, err := datadir.Open(data, "restore", "")
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, pattern := range []string{dir.State(), filepath.Join(dir.Lakes(), "*"), filepath.Join(dir.Blobs(), "*"), filepath.Join(dir.Bus(), "jetstream", "*", "streams", "*")} {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			return errors.Join(err, fault.Newf(fault.Conflict, "the data folder %s is not empty: it has %s; restore into a new one", data, found[0]))
		}
	}
	b, err := bus.Open(ctx, bus.Options{URL: cfg.Bus.URL, Dir: dir.Bus(), MaxBytes: uint64(cfg.Bus.MaxBytes)})
	if err != nil {
		return err
	}
	defer b.Close()
	lakes, err := openLakes(cfg.Lake, dir.Lakes(), nil)
	if err != nil {
		return err
	}
	defer lakes.Close()
	t := backup.Target{StateFile: dir.State(), Lake: dir.Lake, Blobs: dir.Blobs(), Content: cfg.Content.Folder, Bus: b}
	if cfg.Lake.URL != "" {
		t.Lake = nil
	}
	t.Rows = func(ctx context.Context, id tenant.ID, from io.Reader) error {
		store, err := lakes.Open(ctx, id)
		if err != nil {
			return err
		}
		return lake.Load(ctx, store, from)
	}
	if t.Content == "" {
		t.Content = dir.Content()
	}
	if cfg.State != "" {
		if t.StateFile = cfg.State; m.State == "postgres" {
			t.Postgres = cfg.State
		}
	}
	return backup.Restore(ctx, m, from, t)
}
