// Package deploy holds the tests of the files for deployments: that their policies allow what a leader, an observer and a fleet do,
// and nothing else; that the command lines of leader work, and have time to drain; that files can be left out. The
// programs are in the folders of the platforms.
package deploy
