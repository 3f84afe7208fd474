/* SPDX-License-Identifier: MIT
 *
 * What a run tells, and where to: one thing on standard output or in a file, or all of them in a directory.
 */
#ifndef TCA_CLI_PRODUCT_H
#define TCA_CLI_PRODUCT_H

#include "options.h"
#include "output.h"

#include <tcpautopsy/session.h>

struct result {
    const struct request *req;
    int argc; /* the command line, for run.csv */
    char **argv;
    struct tca_session *session; /* finished */
    size_t captures, unreadable; /* inputs; captures that were not read to their end by a fault */
};

/* The files of a report come first, in the order in which they appear. */
enum product {
    PRODUCT_FLOWS,
    PRODUCT_EVENTS,
    PRODUCT_LISTENERS,
    PRODUCT_STATES,
    PRODUCT_COUNTERS,
    PRODUCT_SETTINGS,
    PRODUCT_CAPTURES,
    PRODUCT_SUMMARY,
    PRODUCT_PAGE,
    PRODUCT_RUN,
    PRODUCT_EXPLAIN,
    PRODUCT_PACKETS,
    PRODUCT_COUNT
};
enum { PRODUCT_FILES = PRODUCT_RUN + 1 };
/* The names of tables, of which all but run are the session's; others NULL. */
extern const char *const product_table[PRODUCT_COUNT];

/* To a path, NULL for standard output. 0, or a negative code whose words were printed, as of all functions here. */
int product_write(struct result *result, enum product product, const char *path);
/* A summary that was made already, on standard output. */
int product_show(struct result *result, const char *text, size_t length);
/* ---- files.c ---- */
/* Its name, in the form that was asked for. */
const char *product_file(const struct request *req, int product);
/* The directory, if it is not there. */
int product_directory(const char *directory);
/* All files of a report, into a directory that is there, the summary on standard output as well; what a killed run left half written
 * of them goes. */
int product_write_all(struct result *result, const char *directory, bool show);
/* --fail-on: was one of these told? */
enum exit_code product_fail_on(struct result *result);
enum exit_code exit_for(int code);

/* run.csv, the only table that is the front end's (run_table.c). */
int run_table_write(const struct result *result, struct output *out, bool jsonl);

#endif
