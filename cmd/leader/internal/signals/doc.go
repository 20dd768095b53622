// Package signals knows the signals of a system: which of them leader run acts on or passes on to its program, and what people call
// them.
package signals
