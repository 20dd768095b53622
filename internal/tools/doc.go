// Package tools has no code. Its go.mod pins the tools that .ci/api builds, apart from every other module's dependencies.
package tools
