/* SPDX-License-Identifier: MIT
 *
 * Whole files and folders, for tests.
 */
#ifndef TEST_TOOLS_FILES_H
#define TEST_TOOLS_FILES_H

#include "base/buf.h"

/* Append a file's bytes. False, with errno, if it cannot be read. */
bool file_read(const char *path, struct tca_buf *out);
/* Write under a temporary name beside it, then rename. False, with errno, on failure. */
bool file_write(const char *path, const void *bytes, size_t count);
bool file_exists(const char *path);

/* Names in a folder in byte order, without those that begin with a dot or an underscore. */
struct names {
    char **name; /* owned */
    size_t count;
};
bool names_list(const char *folder, struct names *ret_names);
void names_done(struct names *names);

#endif
