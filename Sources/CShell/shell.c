// For pipe2, environ and closefrom.
#define _GNU_SOURCE
#include "shell.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Makes a pipe that no other command inherits. Its ends are none of the standard streams, which the
// command gets: where this process has closed its own, pipe2 would give their numbers.
static int make_pipe(int ends[2]) {
    int low[2], error = 0;
    if (pipe2(low, O_CLOEXEC) < 0) return errno;
    for (int i = 0; i < 2; i++) {
        ends[i] = error ? -1 : fcntl(low[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (!error && ends[i] < 0) error = errno;
    }
    close(low[0]);
    close(low[1]);
    if (error && ends[0] >= 0) close(ends[0]);
    return error;
}

// Starts /bin/sh with these standard streams; one that is negative is /dev/null.
static int spawn(int *pid, char *const arguments[], char **variables, const int streams[3]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error = 0;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3 && !error; i++) {
        error = streams[i] < 0 ? posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDONLY, 0)
                               : posix_spawn_file_actions_adddup2(&actions, streams[i], i);
    }
    if (!error
        && !(error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1))
        && !(error = posix_spawnattr_setsigmask(&attributes, &none))
        && !(error = posix_spawnattr_setsigdefault(&attributes, &all))
        && !(error = posix_spawnattr_setflags(
                 &attributes,
                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))) {
        error = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, variables);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int spawn_shell(int *pid, const char *command, const char *file, int *output) {
    static const char name[] = "RUNNER_FILE=";
    size_t count = 0, kept = 0;
    int ends[2], error;
    while (environ[count]) count++;
    char **variables = (char **)calloc(count + 2, sizeof *variables);
    char *ours = (char *)malloc(sizeof name + strlen(file));
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, (char *)"runner", (char *)file, NULL};
    error = variables && ours ? make_pipe(ends) : ENOMEM;
    if (!error) {
        memcpy(ours, name, sizeof name - 1);
        strcpy(ours + sizeof name - 1, file);
        for (size_t i = 0; i < count; i++) {
            if (strncmp(environ[i], name, sizeof name - 1) != 0) variables[kept++] = environ[i];
        }
        variables[kept] = ours;
        error = spawn(pid, arguments, variables, (int[3]){-1, ends[1], ends[1]});
        close(ends[1]);
        if (!error && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) *output = ends[0];
        else close(ends[0]);
    }
    free(ours);
    free(variables);
    return error;
}

int spawn_filter(int *pid, const char *command, int ends[3]) {
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    int pipes[3][2], theirs[3], made = 0, error = 0;
    while (made < 3 && !(error = make_pipe(pipes[made]))) {
        // Of its input the command reads what this process writes, and so on.
        int ours = made == STDIN_FILENO;
        ends[made] = pipes[made][ours];
        theirs[made] = pipes[made][!ours];
        made++;
        if (fcntl(ends[made - 1], F_SETFL, O_NONBLOCK) < 0) {
            error = errno;
            break;
        }
    }
    if (!error) error = spawn(pid, arguments, environ, theirs);
    for (int i = 0; i < made; i++) {
        close(theirs[i]);
        if (error) close(ends[i]);
    }
    return error;
}

int reap_group(int pid, int *status) {
    siginfo_t ended;
    ended.si_pid = 0;
    // First without taking it off: its number is that of the group, and nobody else's until then.
    if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) < 0) {
        // Somebody else has taken it off.
        *status = 0;
        return errno == ECHILD;
    }
    if (ended.si_pid != pid) return 0;
    kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {}
    return 1;
}

int unread_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : 0;
}

void widen_pipe(int descriptor, int bytes) { fcntl(descriptor, F_SETPIPE_SZ, bytes); }

void rest(int micros) { usleep((useconds_t)micros); }

_Static_assert(
    sizeof(struct watched) == sizeof(struct pollfd)
        && offsetof(struct watched, wanted) == offsetof(struct pollfd, events)
        && offsetof(struct watched, seen) == offsetof(struct pollfd, revents)
        && watch_input == POLLIN && watch_output == POLLOUT,
    "a watched descriptor is what poll takes");

void watch(struct watched *all, int count, int timeout_ms) {
    if (poll((struct pollfd *)all, (nfds_t)count, timeout_ms) >= 0) return;
    // Nobody is ready: whoever waits looks at the time, and comes again.
    for (int i = 0; i < count; i++) all[i].seen = 0;
}

void bear_broken_pipes(void) {
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
}

int make_bell(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
