// For pipe2, environ and closefrom.
#define _GNU_SOURCE
#include "shell.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int spawn_shell(int *pid, const char *command, const char *file, int *output) {
    static const char name[] = "RUNNER_FILE=";
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    size_t count = 0, kept = 0;
    int ends[2], error;
    while (environ[count]) count++;
    char **variables = (char **)calloc(count + 2, sizeof *variables);
    char *ours = (char *)malloc(sizeof name + strlen(file));
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, (char *)"runner", (char *)file, NULL};
    if (!variables || !ours) error = ENOMEM;
    else error = pipe2(ends, O_CLOEXEC) < 0 ? errno : 0;
    if (!error) {
        memcpy(ours, name, sizeof name - 1);
        strcpy(ours + sizeof name - 1, file);
        for (size_t i = 0; i < count; i++) {
            if (strncmp(environ[i], name, sizeof name - 1) != 0) variables[kept++] = environ[i];
        }
        variables[kept] = ours;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        if (!(error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0))
            && !(error = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO))
            && !(error = posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO))
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
        close(ends[1]);
        if (!error && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) *output = ends[0];
        else close(ends[0]);
    }
    free(ours);
    free(variables);
    return error;
}
