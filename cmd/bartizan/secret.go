package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newSecret() *cobra.Command {
	cmd := &cobra.Command{Use: "secret", Short: "Check and change the key that seals the secrets of connectors", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newSecretRotate(), newSecretCheck())
	return cmd
}

// withSecrets opens the sealed values of a data folder that no server holds.
func withSecrets(ctx context.Context, t targetFlags, fn func(d *desk, s *secret.Store) error) error {
	return withDesk(ctx, t, "secret", func(d *desk) error {
		cfg, err := loadConfig()
		if err != nil {
			return err
		}
		s, err := openSecrets(cfg, d.dir.Layout, d.db)
		if err != nil {
			return err
		}
		return fn(d, s)
	})
}

func newSecretRotate() *cobra.Command {
	var target targetFlags
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make a new key and seal every secret again", Args: cobra.NoArgs,
		Long: `Rotate makes a new master key and new data keys, and seals every secret with them. Stop the servers before. A key file gets the new key in place of the old one; it
can be interrupted and run again at any point. A key in the setting secrets.key is replaced by the one in the file --to, which the setting has to hold afterwards.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fresh := ""
			if to != "" {
				raw, err := os.ReadFile(to)
				if err != nil {
					return fault.Newf(fault.Invalid, "--to: %w", err)
				}
				fresh = strings.TrimSpace(string(raw))
			}
			var done secret.Checked
			var place string
			err := withSecrets(cmd.Context(), target, func(d *desk, s *secret.Store) (err error) {
				place = s.Place()
				if done, err = s.Rotate(cmd.Context(), fresh); err != nil {
					return err
				}
				return d.access.Audit(cmd.Context(), tenant.Default, access.Console(), access.Entry{Action: "rotateSecrets", Target: place, Details: map[string]any{"keys": done.Keys, "secrets": done.Secrets}})
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"secrets": done.Secrets, "keys": done.Keys, "place": place}, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "%d secrets of %d tenants are sealed anew\n", done.Secrets, done.Keys)
				if fresh != "" {
					fmt.Fprintln(t, "put the new key into the setting secrets.key before the next start")
				} else {
					fmt.Fprintf(t, "the key is in %s; backups do not hold it, so keep a copy\n", place)
				}
			})
		},
	}
	cmd.Flags().StringVar(&target.data, "data", defaultData(), "data folder (default $BARTIZAN_DATA, else ./data)")
	cmd.Flags().Lookup("data").DefValue = ""
	cmd.Flags().StringVar(&to, "to", "", "file with the new key, when the key is in a setting")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newSecretCheck() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check", Short: "Try whether the key opens every secret", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var done secret.Checked
			var place string
			err := withSecrets(cmd.Context(), target, func(_ *desk, s *secret.Store) (err error) {
				place = s.Place()
				done, err = s.Check(cmd.Context())
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"secrets": done.Secrets, "keys": done.Keys, "place": place}, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "%s opens %d secrets of %d tenants\n", place, done.Secrets, done.Keys)
			})
		},
	}
	cmd.Flags().StringVar(&target.data, "data", defaultData(), "data folder (default $BARTIZAN_DATA, else ./data)")
	cmd.Flags().Lookup("data").DefValue = ""
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// readSome reads a secret from a stream.
func readSome(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, secret.MaxValue+1)) }
