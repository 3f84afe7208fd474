/* SPDX-License-Identifier: MIT
 *
 * Where a result goes: standard output, or a file that appears under its name only when it is whole.
 */
#ifndef TCA_CLI_OUTPUT_H
#define TCA_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
    FILE *file;             /* it points back here: an open one stays where it is */
    int fd;                 /* of it; none of standard output */
    char *path, *temporary; /* owned; NULL for standard output, temporary also for devices and pipes */
    bool failed;
};

/* Open `path`, or standard output for NULL and "-". False when that cannot be done; the reason was then
 * printed. */
bool output_open(struct output *out, const char *path);
/* A tca_write_fn: `user` is the struct output. */
int output_write(void *user, const void *bytes, size_t count);
/* All is written: make it durable and give it its name. False and a reason when it is not. */
bool output_commit(struct output *out);
/* Give up: nothing appears under the name. Harmless after a commit. */
void output_abort(struct output *out);

/* The folder that a file of this name is in. The caller frees it; NULL without memory. */
char *output_folder(const char *path);
/* Are these two names one file or folder that is there? */
bool output_same_file(const char *a, const char *b);
/* ... or one that will be, once it is written? */
bool output_same_place(const char *a, const char *b);
/* Is a file of this name, which need not be there, in this folder? */
bool output_lies_in(const char *path, const char *folder);

#endif
