package file

import (
	"errors"

	"golang.org/x/sys/windows"
)

// permanentHere has permanent errors: https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499-
var permanentHere = []row{
	{windows.ERROR_WRITE_PROTECT, writable},
	{windows.ERROR_DIRECTORY, moveFile},
	{windows.ERROR_INVALID_NAME, otherName},
	{windows.ERROR_BAD_PATHNAME, otherName},
	{windows.ERROR_FILENAME_EXCED_RANGE, shorter},
}

// busy reports whether another program has the file open and keeps others out, or the file is about to be deleted.
// https://learn.microsoft.com/en-us/windows/win32/fileio/creating-and-opening-files
func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
		errors.Is(err, windows.ERROR_USER_MAPPED_FILE) || errors.Is(err, windows.ERROR_DELETE_PENDING)
}
