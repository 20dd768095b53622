// Package elsewhere has no code, but four examples: how to fence a state that is not in a SQL database, but in an item of
// DynamoDB, or in an object or a blob. Copy the one that you need.
//
// They are a package apart so that a program with [github.com/cloudlease/leader/fence] has no module of a cloud in its go.sum.
package elsewhere
