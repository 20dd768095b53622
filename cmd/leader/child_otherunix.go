//go:build unix && !linux

package main

import "syscall"

// image is this very program, also if its file has been replaced since it was started; there is no such path here.
const image = ""

func becomeSubreaper() {} // there are none here: what leaves the process group stays

func programAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func strays(int) []int { return nil }
