// Command bartizan is the server and its command line. This package only wires: it parses flags, opens stores and hands them to the areas.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // finished; some records were refused, the rest is kept
)

// exitError ends the program with a code and without a further message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var code exitError
	if errors.As(err, &code) {
		return int(code)
	}
	what := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "bartizan"), " ")
	if what == "" {
		what = "command"
	}
	var usage usageError
	if errors.As(err, &usage) || isUsage(err) {
		fmt.Fprintf(stderr, "bartizan: %s: %v (usage)\nRun 'bartizan %s' for the flags.\n", what, err, strings.TrimSpace(strings.TrimPrefix(what, "command")+" --help"))
		return exitUsage
	}
	fmt.Fprintf(stderr, "bartizan: %s: %v (%s)\n", what, err, fault.CodeOf(err))
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "bartizan",
		Short:         "Open, self-hosted, unified security center",
		Long:          "Bartizan takes in signals of devices, identities, mail and cloud apps, finds what matters, and joins it into incidents.",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q", args[0])}
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(commands()...)
	return root
}

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// isUsage recognises the argument errors that cobra makes itself.
func isUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "required flag", "if any flags in the group"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
