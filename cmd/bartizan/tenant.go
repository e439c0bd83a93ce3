package main

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newTenant() *cobra.Command {
	cmd := &cobra.Command{Use: "tenant", Short: "Add and list tenants", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newTenantAdd(), newTenantList())
	return cmd
}

func newTenantAdd() *cobra.Command {
	var target targetFlags
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Add a tenant: an organisation with its own lake, users and incidents",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var made api.TenantView
			id, err := tenant.Parse(args[0])
			if err != nil {
				return err
			}
			err = target.either(cmd.Context(), "tenant add", func(c *client) error {
				return c.call(cmd.Context(), http.MethodPost, "/api/tenants", map[string]string{"id": string(id), "name": name}, &made)
			}, func(d *desk) error {
				t, err := d.access.CreateTenant(cmd.Context(), access.Console(), id, name)
				if err == nil {
					made = api.ViewTenant(*t)
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, made, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "tenant %s is made; add its first user with: bartizan user add --tenant %s --role %s NAME\n", made.ID, made.ID, access.GlobalAdministrator)
			})
		},
	}
	target.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "name for people (default ID)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newTenantList() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tenants",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Tenants []api.TenantView `json:"tenants"`
			}{Tenants: []api.TenantView{}}
			err := target.either(cmd.Context(), "tenant list", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/tenants", url.Values{}, func(page []api.TenantView) error {
					out.Tenants = append(out.Tenants, page...)
					return nil
				})
			}, func(d *desk) error {
				all, err := d.access.Tenants(cmd.Context(), access.Console())
				for _, t := range all {
					out.Tenants = append(out.Tenants, api.ViewTenant(t))
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "ID\tNAME\tCREATED")
				for _, v := range out.Tenants {
					fmt.Fprintf(t, "%s\t%s\t%s\n", v.ID, v.Name, day(v.Created))
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}
