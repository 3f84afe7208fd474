/* SPDX-License-Identifier: MIT
 *
 * What the files that make and read manifests share.
 */
#ifndef TCA_CLI_MANIFEST_OWN_H
#define TCA_CLI_MANIFEST_OWN_H

#include "manifest.h"

/* The value, of the heap, becomes the manifest's in any case; NULL: memory was out. 0 or TCA_EMEMORY, with words. */
int manifest_add_option(struct manifest *m, const char *name, char *value);
void manifest_digest_options(const struct manifest *m, char ret[33]);

#endif
