/* SPDX-License-Identifier: MIT
 *
 * Parts that were made elsewhere, or before: whose they are is told by their labels, not by their names.
 */
#ifndef TCA_CLI_GATHER_H
#define TCA_CLI_GATHER_H

#include "assemble.h"

/* Put this part where it belongs. One that is damaged is told and counts as missing; of one that was made twice the first stays.
 * 0, or a negative code whose words were printed, as of all functions here: it is of another scan. */
int gather_part(struct parts *parts, const char *path);
/* All files of this directory, and of its folder `parts`, whose names end like those of parts. */
int gather_directory(struct parts *parts, const char *directory);
/* The manifest of what is named: of a directory, or of a part's directory or the one above it. *ret_where, the caller's to free,
 * is NULL where there is none. */
int gather_manifest(const char *name, struct manifest *ret, char **ret_where);

#endif
