// Command nothing writes a line: its cost is that of any small Go program.
package main

import "fmt"

func main() { fmt.Println("running") }
