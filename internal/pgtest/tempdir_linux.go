package pgtest

import (
	"os"
	"syscall"
)

// roomNeeded is how much of a folder in memory must be free for a test run.
const roomNeeded = 4 << 30

// tempDir is where servers of tests keep their data: in memory where the system
// has a folder for that, and enough of it, because making and dropping databases
// by the hundred is mostly making and dropping files.
func tempDir() string {
	const memory = "/dev/shm"
	var room syscall.Statfs_t
	if syscall.Statfs(memory, &room) != nil || room.Blocks*uint64(room.Bsize) < roomNeeded {
		return os.TempDir()
	}
	probe, err := os.MkdirTemp(memory, "tenantry-probe-")
	if err != nil {
		return os.TempDir()
	}
	os.Remove(probe)
	return memory
}
