/* SPDX-License-Identifier: MIT
 *
 * Parts of all lots, in the order of the plan, become one session, and this becomes tables: the end of scan, and merge.
 */
#ifndef TCA_CLI_ASSEMBLE_H
#define TCA_CLI_ASSEMBLE_H

#include "manifest.h"
#include "product.h"

struct parts {
    const struct manifest *manifest;
    char **path; /* owned, as what it points to: by lot, of each its manifest_parts(); NULL: not there */
    bool sound;  /* those that are there are known to be as they were written */
};

/* 0 or TCA_EMEMORY, with words. */
int parts_new(const struct manifest *m, struct parts *ret);
void parts_done(struct parts *parts);
/* Where this part's path stands. */
char **parts_at(const struct parts *parts, size_t lot, unsigned share);
size_t parts_missing(const struct parts *parts);
/* Whose work is missing, as a list for an array job: "3,7-9"; each of `shares` shares once. 0 or TCA_EMEMORY, with words. */
int parts_print_missing(const struct parts *parts);
/* Says which are missing: the first few, and how many. */
void parts_say_missing(const struct parts *parts);

/* All parts are there: into result->session, all tables into the directory, the summary to standard output. What can go on after
 * a signal stops at one. 0, or a negative code whose words were printed. */
int assemble(const struct parts *parts, const struct tca_settings *set, const char *directory,
             struct result *result);

#endif
