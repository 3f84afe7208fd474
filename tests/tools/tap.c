/* SPDX-License-Identifier: MIT
 *
 * Test Anything Protocol: names, comments, and tests that run apart.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void tap_name(const char *text)
{
    for (; *text && *text != '\n'; text++)
        putchar(*text == '#' ? ' ' : *text);
}

void tap_comment(const struct tca_buf *text)
{
    const char *at = text->bytes,
               *end = text->used ? at + text->used : at; // nothing is added to no bytes at all

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        printf("# %.*s\n", (int)(stop - at), at);
        at = newline ? newline + 1 : end;
    }
}

void *tap_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int tap_apart(void (*test)(void *user), void *user, const char *name, unsigned *number)
{
    int status = 0;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test(user);
        exit(0); /* not _exit: the leak check happens here */
    }
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return 0;
    printf("not ok %u %s - ", ++*number, name);
    if (child < 0)
        puts("cannot start a process");
    else if (WIFSIGNALED(status))
        printf("killed by signal %d\n", WTERMSIG(status));
    else
        printf("ended with status %d\n", WEXITSTATUS(status));
    return -1;
}
