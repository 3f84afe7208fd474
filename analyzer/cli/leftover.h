/* SPDX-License-Identifier: MIT
 *
 * What a run that was killed left of files that were not whole yet. All that is written here, tables and parts, is written beside its
 * place as NAME.XXXXXX.tmp and locked (flock) until it has its name.
 */
#ifndef TCA_CLI_LEFTOVER_H
#define TCA_CLI_LEFTOVER_H

#include <stdbool.h>

/* Is this the name, without folder, of a file that this run writes there? */
typedef bool leftover_ours_fn(const void *user, const char *name);

/* Remove from the folder the temporary files of such names that no process holds. What cannot be told is left. */
void leftover_remove(const char *folder, leftover_ours_fn *is_ours, const void *user);

#endif
