package main

import "github.com/spf13/cobra"

// commands lists every command, in the order of the help.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newServe(), newImport(), newHunt(), newQuery(), newAlert(), newIncident(), newRule(), newMapping(), newContent(), newUser(), newTenant(), newToken(), newSource(), newConnector(), newSecret(), newLake(), newBackup(), newRestore(), newDoctor(), newVersion(),
	}
}
