/* SPDX-License-Identifier: MIT
 *
 * Captures out of inputs, in whatever order they are asked for, each once. A file is opened when it is asked for. An archive is
 * gone through once: members that are asked for later wait in temporary files.
 */
#ifndef TCA_CAPTURE_SHELF_H
#define TCA_CAPTURE_SHELF_H

#include "capture/source.h"

#include <tcpautopsy/plan.h>

struct tca_shelf;

/* `item`: what will be asked for; borrowed until the end, as is what `set` names. `temp_dir` NULL: TMPDIR, else /tmp. 0 or
 * TCA_EMEMORY. */
int tca_shelf_new(const struct tca_plan_item *item, uint64_t max_expanded, const char *temp_dir,
                  const volatile sig_atomic_t *stop, struct tca_shelf **ret);
void tca_shelf_free(struct tca_shelf *shelf); /* accepts NULL */

/* The source of this file of the item; the caller's, to be closed before the shelf. 0, or as tca_source_open(), also
 * TCA_EOUTPUT, words in *error. */
int tca_shelf_open(struct tca_shelf *shelf, const struct tca_plan_file *file,
                   const struct tca_source_settings *set, struct tca_source **ret, struct tca_error *error);

#endif
