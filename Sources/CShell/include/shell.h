#pragma once

// Starts `/bin/sh -c COMMAND runner FILE`, with FILE in RUNNER_FILE, too: in a process group of its
// own, with the signals' default actions and none blocked, without input, and with no descriptor but
// the end of a pipe as output and error, whose other end, which does not block, comes in *output.
// Returns an error number, or 0.
//
// This is compiled apart, and no header of the system is in this one: a struct that two modules
// bring along (stat, timespec) is of one of them alone for Swift, and lost for files that import the
// other.
int spawn_shell(int *pid, const char *command, const char *file, int *output);
