//go:build !no_dynamodb

package main

import _ "github.com/cloudlease/leader/lease/dynamodb"
