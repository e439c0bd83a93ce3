package main

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newToken() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list, bound and revoke API tokens", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newTokenCreate(), newTokenList(), newTokenQuota(), newTokenRevoke())
	return cmd
}

func newTokenCreate() *cobra.Command {
	var (
		target     targetFlags
		name, user string
		scopes     []string
		expires    time.Duration
		quota      quotaFlags
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Make an API token; the secret is printed once",
		Long: `Create makes a token for programs. On the data folder it belongs to the tenant rather than to a person (or to --user) and lasts until it is revoked or --expires
passes. Scopes: read (look), write (and change incidents, alerts, rules), hunt (run queries), ingest (deliver records, and nothing else), admin (users, tokens, settings,
tenants, backups).`,
		Example: "  bartizan token create --scope ingest beats\n  bartizan token create --scope read --scope hunt --expires 2160h reports",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				name = args[0]
			}
			n := access.NewToken{Name: name, User: user}
			for _, s := range scopes {
				n.Scopes = append(n.Scopes, access.Scope(s))
			}
			var err error
			if n.Quota, err = quota.quota(); err != nil {
				return err
			}
			if expires != 0 {
				n.Expires = time.Now().Add(expires).UTC()
			}
			var made api.TokenView
			err = target.either(cmd.Context(), "token create", func(c *client) error {
				body := map[string]any{"name": n.Name, "scopes": n.Scopes}
				if !n.Expires.IsZero() {
					body["expires"] = n.Expires
				}
				if n.Quota != (access.Quota{}) {
					body["quota"] = n.Quota
				}
				return c.call(cmd.Context(), http.MethodPost, "/api/tokens", body, &made)
			}, func(d *desk) error {
				t, secret, err := d.access.CreateToken(cmd.Context(), access.Console(), tenant.ID(target.tenant), n)
				if err == nil {
					made = api.ViewToken(t, secret)
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, made, func(t *tabwriter.Writer) { fmt.Fprintln(t, made.Token) })
		},
	}
	target.add(cmd)
	cmd.Flags().StringVar(&name, "name", "command line", "what the token is for")
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{string(access.ScopeRead), string(access.ScopeHunt)}, "what it may be used for: read, write, hunt, ingest, admin (repeatable)")
	cmd.Flags().StringVar(&user, "user", "", "user whose permissions bound the token (default: none, a token of the tenant)")
	cmd.Flags().DurationVar(&expires, "expires", 0, "how long it lasts, such as 2160h (default: until it is revoked; 90 days with --server)")
	quota.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newTokenList() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tenant's tokens",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Tokens []api.TokenView `json:"tokens"`
			}{Tokens: []api.TokenView{}}
			err := target.either(cmd.Context(), "token list", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/tokens", url.Values{}, func(page []api.TokenView) error {
					out.Tokens = append(out.Tokens, page...)
					return nil
				})
			}, func(d *desk) error {
				all, err := d.access.Tokens(cmd.Context(), access.Console(), tenant.ID(target.tenant))
				for _, t := range all {
					out.Tokens = append(out.Tokens, api.ViewToken(t, ""))
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "ID\tNAME\tSCOPES\tCREATED\tBY\tEXPIRES\tLAST USED\tQUOTA")
				for _, v := range out.Tokens {
					names := make([]string, 0, len(v.Scopes))
					for _, s := range v.Scopes {
						names = append(names, string(s))
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Name, commaList(names), day(v.Created), v.Creator, day(v.Expires), day(v.LastUsed), quotaText(v.Quota))
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newTokenRevoke() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a token",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := target.either(cmd.Context(), "token revoke", func(c *client) error {
				return c.call(cmd.Context(), http.MethodDelete, "/api/tokens/"+url.PathEscape(args[0]), nil, nil)
			}, func(d *desk) error {
				return d.access.RevokeToken(cmd.Context(), access.Console(), tenant.ID(target.tenant), args[0])
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, map[string]string{"revoked": args[0]}, func(t *tabwriter.Writer) { fmt.Fprintf(t, "token %s is revoked\n", args[0]) })
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}
