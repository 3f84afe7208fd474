/* SPDX-License-Identifier: MIT
 *
 * The command that joins what shards have read.
 */
#ifndef TCA_CLI_MERGE_H
#define TCA_CLI_MERGE_H

#include "options.h"

/* `arguments` is the command line, for run.csv. */
enum exit_code merge_parts(struct request *req, int argc, char **argv);

#endif
