/* SPDX-License-Identifier: MIT
 *
 * meter RESULT COMMAND...: runs the command, then writes six numbers to the file RESULT: exit status, signal, user, system
 * and wall time in microseconds, peak memory in KiB.
 *
 * A process's peak is at least that of the one it was forked from, exec notwithstanding; so this one is small.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t microseconds(const struct timeval *time)
{
    return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int measure(const char *result, char **command)
{
    struct rusage used;
    int status;
    int64_t begin = now();
    pid_t child = fork();

    if (child == 0) {
        execvp(command[0], command);
        fprintf(stderr, "meter: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) < 0) {
        fprintf(stderr, "meter: %s: %s\n", command[0], strerror(errno));
        return 1;
    }
    int64_t wall = now() - begin;
    FILE *file = fopen(result, "w");
    if (!file ||
        fprintf(file, "%d %d %" PRId64 " %" PRId64 " %" PRId64 " %ld\n",
                WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                microseconds(&used.ru_utime), microseconds(&used.ru_stime), wall, used.ru_maxrss) < 0 ||
        fclose(file)) {
        fprintf(stderr, "meter: %s: %s\n", result, strerror(errno));
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: meter RESULT COMMAND...\n");
        return 2;
    }
    return measure(argv[1], argv + 2);
}
