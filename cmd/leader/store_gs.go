//go:build !no_gs

package main

import _ "github.com/cloudlease/leader/lease/gcs"
