// Package signals tells which signals leader run acts on or passes on to its program, and what people call them.
package signals
