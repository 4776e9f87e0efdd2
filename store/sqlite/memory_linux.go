package sqlite

import "syscall"

// inMemory reports whether the file is on tmpfs or ramfs, so that a power cut takes it (statfs(2), f_type).
func inMemory(path string) bool {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return false
	}
	return uint32(fs.Type) == 0x01021994 || uint32(fs.Type) == 0x858458f6
}
