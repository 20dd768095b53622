//go:build !unix

package service

import "os/exec"

func (p *part) asServer(cmd *exec.Cmd) error {
	cmd.Dir = p.dir
	return nil
}
