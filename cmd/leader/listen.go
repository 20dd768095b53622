package main

import (
	"fmt"
	"net"
)

// listenHost returns the host of an address for --listen. The error says that nobody can ever listen on the address.
func listenHost(address, example string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return "", fmt.Errorf("--listen %q is no address: give a host and a port, such as %s", address, example)
	}
	return host, nil
}

// checkListen reports what is wrong with --listen of a command that need not listen.
func checkListen(address string) error {
	if address == "" {
		return nil
	}
	_, err := listenHost(address, ":8080")
	return err
}
