#pragma once

// Commands of the shell: in a process group of their own, with the signals' default actions and none
// blocked, and with no descriptor but those named here. Where nothing else is said, a function returns
// an error number, or 0.
//
// This is compiled apart, and no header of the system is in this one: a struct that two modules
// bring along (stat, timespec) is of one of them alone for Swift, and lost for files that import the
// other.

// Starts `/bin/sh -c COMMAND runner FILE`, with FILE in RUNNER_FILE, too, without input, and with the
// end of a pipe as output and error, whose other end, which does not block, comes in *output.
int spawn_shell(int *pid, const char *command, const char *file, int *output);

// Starts `/bin/sh -c COMMAND` with pipes as input, output and error. The other ends, which do not
// block, come in ends[0] (to write), ends[1] and ends[2] (to read).
int spawn_filter(int *pid, const char *command, int ends[3]);

// Tells whether the first process of a command has ended, without waiting. If so, kills what is left
// of its group and takes the process off the table. Returns 1 with the status of waitpid(2), or 0.
int reap_group(int pid, int *status);

// The bytes of a pipe that nobody has read yet, asked at the end that is written to, whether or not
// anyone has the other end.
int unread_bytes(int descriptor);

// Has a pipe hold so many bytes, if the system allows it.
void widen_pipe(int descriptor, int bytes);

// Sleeps for so many µs, or a little longer.
void rest(int micros);

// A descriptor to wait for, as poll(2) has it.
struct watched {
    int descriptor;
    short wanted;
    short seen;
};
enum watch_event { watch_input = 1, watch_output = 4 };

// Waits until a descriptor is ready or at its end, at most so many ms (forever: -1).
void watch(struct watched *all, int count, int timeout_ms);

// Has this thread get an error, and no signal, when it writes to a pipe that nobody reads.
void bear_broken_pipes(void);

// Returns an eventfd that does not block; negative, with errno set, when there is none.
int make_bell(void);
