// Package words says in the command's words, its flags and subcommands, what the library's errors say in those of Go. Who runs the
// command has no options to pass.
package words

import (
	"regexp"
	"strings"
)

// words has what the packages' errors say to who writes a program, and what who runs the command is to do.
var words = []struct {
	said  *regexp.Regexp
	shown string
}{
	// What a store keeps its leases in is not there.
	{regexp.MustCompile(`create the table with dynamodb\.CreateTable, or`), `make it with leader init, or`},
	{regexp.MustCompile(`create the bucket with gcloud storage buckets create gs://BUCKET, or`), `make it with leader init, or`},
	{regexp.MustCompile(`create the bucket, or name another`), `make it with leader init, or name another`},
	{regexp.MustCompile(`create the container, name another, or use WithCreateContainer \(\?create=true\)`),
		`make it with leader init, or name another in the store's URL`},
	{regexp.MustCompile(`make the directory, or name another`), `make it with leader init, or name another with --store`},
	{regexp.MustCompile(`as dynamodb\.CreateTable makes it`), `as leader init makes it`},
	{regexp.MustCompile(`with WithPartitionKey and WithSortKey, or`), `with`},
	// What a function does in a program, a command does here.
	{regexp.MustCompile(`overwrite it with Reset`), `overwrite it with leader checkpoint set`},
	{regexp.MustCompile(`say so with For`), `say so with --lease`},
	{regexp.MustCompile(`give the greatest token of a part`), `give with --above the greatest token of a part`},
	// What doctor advises a program to do, a person does with the command.
	{regexp.MustCompile(`\bcheck again\b`), `run leader doctor again`},
	{regexp.MustCompile(`only lists of leases and of checkpoints, leaderui and fleet\.Reset need it`), `only leader list, ui, checkpoint list and fleet reset need it`},
	{regexp.MustCompile(`correct the store's URL as it says`), `correct --store or LEADER_STORE as it says`},
	// What an option says in a program, the URL says here.
	{regexp.MustCompile(`gcs\.WithUserProject or \?`), `?`},
	{regexp.MustCompile(`pass (one|another|both|one that was|one of [\w. ]+) to \w+\.\w+(, or write it into the URL)?`), `name another in the store's URL`},
	{regexp.MustCompile(`in WithPrefix`), `in the store's URL`},
	{regexp.MustCompile(`made by gcs\.NewClient or storage\.NewClient`), `made for leases`},
	{regexp.MustCompile(`its package is not imported`), `this leader was built without that store`},
	{regexp.MustCompile(`import _ \S+ to open it`), `get one with all stores, or build it without the tag`},
	{regexp.MustCompile(`imported here are: (?:(.*)\bmem, )?`), `there are: $1`}, // mem is no store for several processes
	{regexp.MustCompile(`, or import the package of another`), ``},
	// What an option says in a program, a flag says here.
	{regexp.MustCompile(`give one of WithShards, WithParts and WithPartsFrom`), `give --shards, or --part for each`},
	{regexp.MustCompile(`\bWithLeaseName\b`), `--name`},
	{regexp.MustCompile(`\bWithName\b`), `--name`}, // of a fleet
	{regexp.MustCompile(`\bWithShards\b`), `--shards`},
	{regexp.MustCompile(`\bWithParts\b`), `--part`},
	{regexp.MustCompile(`\bWithInterval\b`), `--renew-every`},
	{regexp.MustCompile(`\bWithCalm\b`), `--calm`},
	{regexp.MustCompile(`\bWithDrainTimeout\b`), `--leave-timeout`},
	{regexp.MustCompile(`\bWithWeight\b`), `--weight`},
	{regexp.MustCompile(`\bWithCapacity\b`), `--capacity`},
	{regexp.MustCompile(`\bWithNodeID\b`), `--node`},
	{regexp.MustCompile(`\bWithAttributes\b`), `--attribute`},
	{regexp.MustCompile(`\bWithStopMargin\b`), `the time to stop`},
	{regexp.MustCompile(`\bWithHealth\b`), `--health-cmd, --health-http`},
	{regexp.MustCompile(`\bWithLeaseManager\b`), `--store`},
	{regexp.MustCompile(`\bWithLeaseLength\b`), `--lease-length`},
	{regexp.MustCompile(`\bWithRenewEvery\b`), `--renew-every`},
	{regexp.MustCompile(`\bWithAcquireEvery\b`), `--acquire-every`},
	{regexp.MustCompile(`\bWithStopTimeout\b`), `--stop-timeout`},
	{regexp.MustCompile(`, or give (it|them) more time with WithEndTimeout`), ``}, // it has no flag
	{regexp.MustCompile(`\bWithHoldAtLeast\b`), `--hold-at-least`},
	{regexp.MustCompile(`\bleaderhttp\.Follow: `), ``},
	{regexp.MustCompile(`, which FollowHosts does not name`), `: name that host with --follow, if it may be asked`},
	{regexp.MustCompile(`\bWithWake\b`), `--follow`},
}

// Own returns a text of the packages as the command shows it.
func Own(text string) string {
	for _, w := range words {
		text = w.said.ReplaceAllString(text, w.shown)
	}
	return text
}

// OneLine returns an error as the command shows it.
func OneLine(err error) string {
	return Own(strings.Join(strings.Split(err.Error(), "\n"), "; "))
}
