package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newConnector() *cobra.Command {
	cmd := &cobra.Command{
		Use: "connector", Short: "Pull records from services: Microsoft, AWS, Okta, Google, GitHub",
		Long: "Connector manages what the server pulls from services. With --data it works on the data folder while no server holds it; what it sets up runs with the next start of the server.",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConnectorKinds(), newConnectorList(), newConnectorShow(), newConnectorAdd(), newConnectorTest(), newConnectorReset(),
		connectorAction("run", "Run a connector now", func(ctx context.Context, s *connect.Service, id tenant.ID, name string) error {
			_, err := s.Start(ctx, id, "console", name)
			return err
		}),
		connectorAction("pause", "Stop running a connector", func(ctx context.Context, s *connect.Service, id tenant.ID, name string) error {
			_, err := s.Pause(ctx, id, "console", name, true)
			return err
		}),
		connectorAction("resume", "Run a paused connector again", func(ctx context.Context, s *connect.Service, id tenant.ID, name string) error {
			_, err := s.Pause(ctx, id, "console", name, false)
			return err
		}),
		connectorAction("remove", "Remove a connector and its secrets; what it delivered stays", func(ctx context.Context, s *connect.Service, id tenant.ID, name string) error {
			return s.Delete(ctx, id, name)
		}),
	)
	return cmd
}

// connectorTarget is where the connectors of a command are.
type connectorTarget struct {
	targetFlags
	json bool
}

func (t *connectorTarget) add(cmd *cobra.Command) {
	t.targetFlags.add(cmd)
	cmd.Flags().BoolVar(&t.json, "json", false, "print one JSON document on standard output")
}

// either asks the server or works on the data folder. A change is written into the audit log by the server, or here by action.
func (t *connectorTarget) either(ctx context.Context, action, target string, remote func(c *client) error, local func(s *connect.Service, id tenant.ID) error) error {
	return t.targetFlags.either(ctx, "connector", remote, func(d *desk) error {
		id, err := existing(ctx, d.access, tenant.ID(t.tenant))
		if err != nil {
			return err
		}
		cfg, err := loadConfig()
		if err != nil {
			return err
		}
		s, err := openConnectors(cfg, d.dir.Layout, d.db)
		if err != nil {
			return err
		}
		if err := local(s, id); err != nil || action == "" {
			return err
		}
		return d.access.Audit(ctx, id, access.Console(), access.Entry{Action: action, Target: target})
	})
}

func newConnectorKinds() *cobra.Command {
	var asJSON, steps bool
	cmd := &cobra.Command{
		Use: "kinds [KIND]", Short: "Show what can be connected, which fields it takes, and how to get the credentials", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := api.ViewConnectorKinds(connectorKinds())
			if len(args) == 1 {
				steps = true
				one := kinds[:0]
				for _, k := range kinds {
					if k.Kind == args[0] {
						one = append(one, k)
					}
				}
				if kinds = one; len(kinds) == 0 {
					return fault.Newf(fault.NotFound, "there is no kind of connector %q", args[0])
				}
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]any{"value": kinds}, func(t *tabwriter.Writer) {
				for _, k := range kinds {
					fmt.Fprintf(t, "%s\t%s\n", k.Kind, k.Name)
					for _, f := range k.Fields {
						fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", f.Name, f.Type, required(f), strings.TrimPrefix(f.Label+", "+f.Help, ", "))
					}
					if steps {
						fmt.Fprintf(t, "\n%s\n", k.Steps)
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	cmd.Flags().BoolVar(&steps, "steps", false, "how to get the credentials, too")
	return cmd
}

func required(f connect.Field) string {
	if f.Required {
		return "required"
	}
	if f.Default != "" {
		return "default " + f.Default
	}
	return "-"
}

func newConnectorList() *cobra.Command {
	var target connectorTarget
	cmd := &cobra.Command{
		Use: "list", Short: "List the tenant's connectors", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []connect.Connector{}
			err := target.either(cmd.Context(), "", "", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/connectors", url.Values{}, func(page []connect.Connector) error {
					all = append(all, page...)
					return nil
				})
			}, func(s *connect.Service, id tenant.ID) (err error) {
				all, err = s.List(cmd.Context(), id)
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), target.json, map[string]any{"value": all}, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "NAME\tKIND\tSTATE\tRECORDS\tREFUSED\tLAST RUN\tNEXT RUN\tERROR")
				for _, c := range all {
					message := ""
					if c.LastError != nil {
						message = c.LastError.Message
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", c.Name, c.Kind, c.State, c.Records, c.Refused, day(c.LastRun), day(c.NextRun), message)
				}
			})
		},
	}
	target.add(cmd)
	return cmd
}

func newConnectorShow() *cobra.Command {
	var target connectorTarget
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show a connector and its last runs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var one *connect.Connector
			var runs []connect.PullRun
			err := target.either(ctx, "", "", func(c *client) error {
				path := "/api/connectors/" + url.PathEscape(args[0])
				var page struct{ Value []connect.PullRun }
				if err := c.call(ctx, http.MethodGet, path+"/runs?$top=10", nil, &page); err != nil {
					return err
				}
				runs = page.Value
				return c.call(ctx, http.MethodGet, path, nil, &one)
			}, func(s *connect.Service, id tenant.ID) (err error) {
				if one, err = s.Get(ctx, id, args[0]); err != nil {
					return err
				}
				runs, _, err = s.Runs(ctx, id, args[0], 0, 10)
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), target.json, map[string]any{"connector": one, "runs": runs}, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "%s\t%s (%s), every %s\n", one.Name, one.Kind, one.State, time.Duration(one.Interval)*time.Second)
				fmt.Fprintf(t, "records\t%d, refused %d\ncursor\t%s\n", one.Records, one.Refused, one.Cursor)
				if one.LastError != nil {
					fmt.Fprintf(t, "error\t%s: %s (attempt %d)\n", one.LastError.Code, one.LastError.Message, one.LastError.Attempt)
				}
				fmt.Fprintln(t, "\nSTARTED\tENDED\tSTATE\tRECORDS\tREFUSED\tERROR")
				for _, r := range runs {
					message := ""
					if r.Error != nil {
						message = r.Error.Message
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\n", day(&r.Started), day(r.Ended), r.State, r.Records, r.Refused, message)
				}
			})
		},
	}
	target.add(cmd)
	return cmd
}

func newConnectorAdd() *cobra.Command {
	var (
		target   connectorTarget
		values   []string
		files    []string
		interval time.Duration
		since    string
		paused   bool
	)
	cmd := &cobra.Command{
		Use: "add KIND NAME", Short: "Connect a service", Args: cobra.ExactArgs(2),
		Long:    "Add makes a connector. Fields are those of: bartizan connector kinds KIND. Secrets are read from files (- is standard input), never from arguments, which other people on this machine can see.",
		Example: "  bartizan connector add okta acme --set url=https://acme.okta.com --secret-file token=okta.token",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			config, err := fieldsOf(cmd, args[0], values, files)
			if err != nil {
				return err
			}
			body := map[string]any{"kind": args[0], "name": args[1], "config": config, "interval": int(interval / time.Second), "enabled": !paused}
			d := connect.Draft{Kind: args[0], Name: args[1], Config: config, Interval: int(interval / time.Second), Enabled: !paused}
			if since != "" {
				if d.Since, err = time.Parse(time.RFC3339, since); err != nil {
					return usageError{fmt.Errorf("--since %q is no time such as 2024-05-06T00:00:00Z", since)}
				}
				body["since"] = d.Since
			}
			var made *connect.Connector
			err = target.either(ctx, "createConnector", args[1], func(c *client) error {
				return c.call(ctx, http.MethodPost, "/api/connectors", body, &made)
			}, func(s *connect.Service, id tenant.ID) (err error) {
				made, err = s.Create(ctx, id, "console", d)
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), target.json, made, func(t *tabwriter.Writer) { fmt.Fprintf(t, "connector %s (%s) is made\n", made.Name, made.ID) })
		},
	}
	target.add(cmd)
	cmd.Flags().StringArrayVar(&values, "set", nil, "field=value (repeatable)")
	cmd.Flags().StringArrayVar(&files, "secret-file", nil, "field=FILE of a secret (repeatable)")
	cmd.Flags().DurationVar(&interval, "interval", 0, "time between runs (default: the kind's)")
	cmd.Flags().StringVar(&since, "since", "", "time to begin at, such as 2024-05-06T00:00:00Z (default: a day ago)")
	cmd.Flags().BoolVar(&paused, "paused", false, "do not run it yet")
	return cmd
}

// fieldsOf reads --set and --secret-file.
func fieldsOf(cmd *cobra.Command, kind string, values, files []string) (map[string]any, error) {
	config := map[string]any{}
	secrets := map[string]bool{}
	for _, k := range connectorKinds() {
		for _, f := range k.Fields {
			secrets[f.Name] = secrets[f.Name] || k.Name == kind && f.Type == connect.Secret
		}
	}
	for _, pair := range values {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || secrets[name] {
			return nil, usageError{fmt.Errorf("--set %s: give field=value; secrets with --secret-file field=FILE", name)}
		}
		config[name] = value
	}
	for _, pair := range files {
		name, path, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--secret-file %s: give field=FILE", pair)}
		}
		var raw []byte
		var err error
		if path == "-" {
			raw, err = readSome(cmd.InOrStdin())
		} else {
			raw, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "--secret-file %s: %w", name, err)
		}
		config[name] = strings.TrimSpace(string(raw))
	}
	return config, nil
}

func newConnectorTest() *cobra.Command {
	var target connectorTarget
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Try a connector as it is kept", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out *connect.Tested
			err := target.either(cmd.Context(), "testConnector", args[0], func(c *client) error {
				return c.call(cmd.Context(), http.MethodPost, "/api/connectors/"+url.PathEscape(args[0])+"/test", nil, &out)
			}, func(s *connect.Service, id tenant.ID) (err error) {
				out, err = s.TestKept(cmd.Context(), id, args[0])
				return err
			})
			if err != nil {
				return err
			}
			err = show(cmd.OutOrStdout(), target.json, out, func(t *tabwriter.Writer) {
				for _, c := range out.Details {
					mark := "ok"
					if !c.OK {
						mark = "failed"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\n", mark, c.Name, c.Message)
				}
			})
			if err == nil && !out.OK {
				return exitError(exitFailed)
			}
			return err
		},
	}
	target.add(cmd)
	return cmd
}

func newConnectorReset() *cobra.Command {
	var target connectorTarget
	cmd := &cobra.Command{
		Use: "reset NAME SINCE", Short: "Begin anew at a time; what was delivered since then is delivered again", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			since, err := time.Parse(time.RFC3339, args[1])
			if err != nil {
				return usageError{fmt.Errorf("%q is no time such as 2024-05-06T00:00:00Z", args[1])}
			}
			err = target.either(cmd.Context(), "resetConnector", args[0], func(c *client) error {
				return c.call(cmd.Context(), http.MethodPost, "/api/connectors/"+url.PathEscape(args[0])+"/reset", map[string]any{"since": since}, nil)
			}, func(s *connect.Service, id tenant.ID) error {
				_, err := s.Reset(cmd.Context(), id, "console", args[0], since)
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), target.json, map[string]string{"reset": args[0]}, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "connector %s begins at %s\n", args[0], since.UTC().Format(time.RFC3339))
			})
		},
	}
	target.add(cmd)
	return cmd
}

// connectorAction is a command that does one thing to a connector.
func connectorAction(verb, short string, local func(ctx context.Context, s *connect.Service, id tenant.ID, name string) error) *cobra.Command {
	var target connectorTarget
	cmd := &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method, path := http.MethodPost, "/api/connectors/"+url.PathEscape(args[0])+"/"+verb
			action := verb + "Connector"
			if verb == "remove" {
				method, path, action = http.MethodDelete, "/api/connectors/"+url.PathEscape(args[0]), "deleteConnector"
			}
			err := target.either(cmd.Context(), action, args[0], func(c *client) error {
				return c.call(cmd.Context(), method, path, nil, nil)
			}, func(s *connect.Service, id tenant.ID) error { return local(cmd.Context(), s, id, args[0]) })
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), target.json, map[string]string{verb: args[0]}, func(t *tabwriter.Writer) { fmt.Fprintf(t, "%s %s: done\n", verb, args[0]) })
		},
	}
	target.add(cmd)
	return cmd
}
