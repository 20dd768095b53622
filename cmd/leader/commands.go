package main

import "github.com/spf13/cobra"

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.runCommand(), guardCommand(),
		a.statusCommand(), a.listCommand(), a.watchCommand(), a.historyCommand(), a.uiCommand(), a.breakCommand(), a.handoverCommand(),
		a.fleetCommand(), a.checkpointCommand(), a.valueCommand(),
		a.initCommand(), a.doctorCommand(), a.versionCommand(),
	}
}
