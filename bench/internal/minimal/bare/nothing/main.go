// Command nothing writes a line: what every Go program of the kind costs.
package main

import "fmt"

func main() { fmt.Println("running") }
