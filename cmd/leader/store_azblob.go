//go:build !no_azblob

package main

import _ "github.com/cloudlease/leader/lease/azblob/byurl"
