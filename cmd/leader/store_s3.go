//go:build !no_s3

package main

import _ "github.com/cloudlease/leader/lease/s3"
