package main

import (
	"bytes"
	"debug/pe"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForwarder(t *testing.T) {
	image := forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036")
	f, err := pe.NewFile(bytes.NewReader(image))
	require.NoError(t, err)
	require.EqualValues(t, pe.IMAGE_FILE_MACHINE_AMD64, f.Machine)
	header := f.OptionalHeader.(*pe.OptionalHeader64)
	exports := header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	require.Len(t, f.Sections, 1)
	section := f.Sections[0]
	require.Equal(t, section.VirtualAddress, exports.VirtualAddress)
	data, err := section.Data()
	require.NoError(t, err)
	require.Contains(t, string(data), "\x00advapi32.SystemFunction036\x00")
	require.LessOrEqual(t, exports.Size, section.Size)
}
