// Package memdir says where tests keep the data of servers. It is not where
// anything else belongs: what is there is gone when the machine restarts.
package memdir

import (
	"os"
	"syscall"
)

// roomNeeded is how much of a folder in memory must be free for a test run.
const roomNeeded = 4 << 30

// Dir returns the folder for data that is worth nothing: in memory where the
// system has a folder for that, and enough of it, because making and dropping
// databases by the hundred is mostly making and dropping files.
func Dir() string {
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
