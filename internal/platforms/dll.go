package main

import (
	"bytes"
	"encoding/binary"
)

// forwarder returns a 64-bit Windows library of one function, which forwards to a function of another library. It makes
// bcryptprimitives.dll for Go's runtime under a Wine that has none.
// https://learn.microsoft.com/en-us/windows/win32/debug/pe-format (the export directory's forwarder RVA)
func forwarder(library, function, target string) []byte {
	const (
		headers   = 0x200
		base      = 0x1000 // of the one section
		directory = 40     // bytes
	)
	le := binary.LittleEndian
	// The section: the export directory, the tables of addresses, names and ordinals, and the texts.
	addresses, names, ordinals := uint32(base+directory), uint32(base+directory+4), uint32(base+directory+8)
	texts := uint32(base + directory + 12)
	libraryAt, functionAt := texts, texts+uint32(len(library))+1
	targetAt := functionAt + uint32(len(function)) + 1
	section := make([]byte, directory)
	le.PutUint32(section[12:], libraryAt)
	le.PutUint32(section[16:], 1) // the first ordinal
	le.PutUint32(section[20:], 1) // functions
	le.PutUint32(section[24:], 1) // names
	le.PutUint32(section[28:], addresses)
	le.PutUint32(section[32:], names)
	le.PutUint32(section[36:], ordinals)
	section = le.AppendUint32(section, targetAt) // within the directory's range: a forwarder, not code
	section = le.AppendUint32(section, functionAt)
	section = le.AppendUint32(section, 0)
	section = append(section, library+"\x00"+function+"\x00"+target+"\x00"...)
	size := uint32(len(section))

	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, le, v) // to memory
		}
	}
	dos := make([]byte, 64)
	copy(dos, "MZ")
	le.PutUint32(dos[60:], 64) // where the next header is
	write(dos, []byte("PE\x00\x00"))
	// COFF header: AMD64, one section, the size of what follows, and the flags: executable, large addresses, a DLL.
	write(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	// Optional header, PE32+.
	write(uint16(0x20b), uint16(0), uint32(0), uint32(0x200), uint32(0), uint32(0), uint32(base))
	write(uint64(0x180000000), uint32(0x1000), uint32(0x200)) // image base, alignments
	write(uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	write(uint32(0x2000), uint32(headers), uint32(0), uint16(3), uint16(0x100)) // sizes; console; NX
	write(uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	write(uint32(base), size, make([]byte, 15*8)) // the data directories: exports, and 15 empty ones
	// The section's header: initialised data, readable.
	write([]byte(".rdata\x00\x00"), size, uint32(base), uint32(0x200), uint32(headers), uint32(0), uint32(0), uint32(0), uint32(0x40000040))
	image := make([]byte, headers+0x200)
	copy(image, b.Bytes())
	copy(image[headers:], section)
	return image
}
