/* SPDX-License-Identifier: MIT
 *
 * The command line of tcpautopsy. It speaks only the library's public headers; standard output carries the
 * one thing that was asked for, standard error the rest.
 */
#include "catalog.h"
#include "compare.h"
#include "merge.h"
#include "options.h"
#include "run.h"
#include "say.h"
#include "scan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

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
        return catalog_findings(req);
    case COMMAND_schema:
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

int main(int argc, char **argv)
{
    struct request req;
    signal(SIGXFSZ, SIG_IGN); /* a file may become no larger: that is an error of writing like others */
    signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends us without a word */
    enum exit_code code = EXIT_USAGE;
    if (request_parse(argc, argv, &req))
        code = dispatch(&req, argc, argv);
    request_done(&req);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("standard output: cannot be written: %s", strerror(errno));
        return EXIT_OUTPUT;
    }
    return (int)code;
}
