/* SPDX-License-Identifier: MIT
 *
 * The command line of tcpautopsy. It speaks only the library's public headers; standard output carries the
 * one thing that was asked for, standard error the rest.
 */
#include "catalog.h"
#include "compare.h"
#include "confine.h"
#include "merge.h"
#include "options.h"
#include "run.h"
#include "say.h"
#include "scan.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum exit_code dispatch(struct request *req, int argc, char **argv)
{
    if (request_has(req, OPTION_help)) {
        help_print(req);
        return EXIT_DONE;
    }
    if (request_has(req, OPTION_version)) {
        help_version();
        return EXIT_DONE;
    }
    switch (req->command) {
    case COMMAND_findings:
        confine(req);
        return catalog_findings(req);
    case COMMAND_schema:
        confine(req);
        return catalog_schema(req);
    case COMMAND_diff:
        return compare_tables(req);
    case COMMAND_scan:
        return scan_captures(req, argc, argv);
    case COMMAND_merge:
        return merge_parts(req, argc, argv);
    default:
        return run_captures(req, argc, argv);
    }
}

/* What is large is given back to the system when it is freed, always. Left to itself glibc raises what it calls large to the
 * largest block that was freed so far: with many captures, of each of which the same large blocks are taken and freed, it would
 * hold half as much again as is in use, and spend its time on zeroing it. */
static void give_back_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    enum { LARGE = 128 * 1024 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}

/* Where memory is out libarchive ends the process by itself, with a code that means something else here (3.6,
 * libarchive/archive_util.c, __archive_errx). */
static bool ended;
static void keep_code(void)
{
    if (!ended)
        _exit(EXIT_OUTPUT);
}

/* What is opened first would stand where standard output is expected, and words would go into it: each of the three that the caller
 * closed becomes one with which what it is for fails. */
static bool hold_standard_files(void)
{
    static const int FAILS[] = {
        [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", FAILS[fd]) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct request req;
    if (!hold_standard_files())
        _exit(EXIT_OUTPUT);
    atexit(keep_code);
    give_back_memory();
    signal(SIGXFSZ, SIG_IGN); /* a file may become no larger: that is an error of writing like others */
    signals_hold_pipe();
    bool good = request_parse(argc, argv, &req);
    enum exit_code code = good ? dispatch(&req, argc, argv) : req.memory_out ? EXIT_OUTPUT : EXIT_USAGE;
    request_done(&req);
    ended = true;
    errno = 0;
    bool failed = fflush(stdout) != 0;
    if (failed)
        signals_end_by_pipe();
    if ((failed || ferror(stdout)) && code != EXIT_OUTPUT) { /* else that was told */
        say("standard output: cannot be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
        return EXIT_OUTPUT;
    }
    return (int)code;
}
