package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func newUser() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Add, list and reset the portal's users", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newUserAdd(), newUserList(), newUserReset())
	return cmd
}

func newUserAdd() *cobra.Command {
	var (
		target targetFlags
		body   struct {
			Name        string   `json:"name"`
			DisplayName string   `json:"displayName,omitempty"`
			Roles       []string `json:"roles"`
		}
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user with a one-time password, which is printed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body.Name = args[0]
			var made api.UserView
			err := target.either(cmd.Context(), "user add", func(c *client) error {
				return c.call(cmd.Context(), http.MethodPost, "/api/users", body, &made)
			}, func(d *desk) error {
				u, password, err := d.access.CreateUser(cmd.Context(), access.Console(), tenant.ID(target.tenant), access.NewUser{Name: body.Name, DisplayName: body.DisplayName, Roles: body.Roles})
				if err != nil {
					return err
				}
				made = api.ViewUser(u, password)
				return nil
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, made, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "%s can sign in with the one-time password\n\n    %s\n\nIt has to be changed at the first sign-in.\n", made.Name, made.Password)
			})
		},
	}
	target.add(cmd)
	cmd.Flags().StringVar(&body.DisplayName, "display-name", "", "name for people (default NAME)")
	cmd.Flags().StringSliceVar(&body.Roles, "role", []string{access.SecurityReader}, "role in the tenant, such as globalAdministrator, securityOperator, securityReader (repeatable)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newUserList() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tenant's users",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := struct {
				Users []api.UserView `json:"users"`
			}{Users: []api.UserView{}}
			err := target.either(cmd.Context(), "user list", func(c *client) error {
				return listAll(cmd.Context(), c, "/api/users", url.Values{}, func(page []api.UserView) error {
					out.Users = append(out.Users, page...)
					return nil
				})
			}, func(d *desk) error {
				users, err := d.access.Users(cmd.Context(), access.Console(), tenant.ID(target.tenant))
				for _, u := range users {
					out.Users = append(out.Users, api.ViewUser(u, ""))
				}
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "NAME\tDISPLAY NAME\tROLES\tSTATE\tLAST SIGN-IN")
				for _, u := range out.Users {
					state := "enabled"
					switch {
					case u.Disabled:
						state = "disabled"
					case u.MustChange:
						state = "must change password"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.DisplayName, commaList(u.Roles), state, day(u.LastSignIn))
				}
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

func newUserReset() *cobra.Command {
	var target targetFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reset NAME",
		Short: "Give a user a new one-time password, and enable the account",
		Long:  "Reset is the way back in for whoever has the data folder. It works on the folder only, while no server holds it; at a running server an administrator resets passwords in the portal.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if target.server != "" {
				return usageError{errors.New("reset works on the data folder; at a running server use the portal or PATCH /api/users")}
			}
			var out struct {
				Name     string `json:"name"`
				Password string `json:"password"`
			}
			out.Name = args[0]
			err := withDesk(cmd.Context(), target, "user reset", func(d *desk) (err error) {
				out.Password, err = d.access.ResetPassword(cmd.Context(), access.Console(), args[0])
				return err
			})
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), asJSON, out, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "%s can sign in with the one-time password\n\n    %s\n\nIt has to be changed at the next sign-in. Other sessions of the account have ended.\n", out.Name, out.Password)
			})
		},
	}
	target.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// either runs remote against --server, or local on the data folder.
func (t *targetFlags) either(ctx context.Context, program string, remote func(c *client) error, local func(d *desk) error) error {
	if t.server == "" {
		id, err := tenant.Parse(t.tenant)
		if err != nil {
			return err
		}
		return withDesk(ctx, *t, program, func(d *desk) error {
			if _, err := existing(ctx, d.access, id); err != nil {
				return err
			}
			return local(d)
		})
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	return remote(c)
}
